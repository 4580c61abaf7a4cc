"""Every variant is composed, and leaves out what it says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from evolve import configuration, wiring
from evolve.bench import variants
from evolve.bench.search_race import LANDSCAPES
from evolve.domain.proposal import Lesson, LessonKind
from evolve.errors import ConfigurationError
from evolve.interfaces import Change, Failure, Tier
from evolve.mutation.crossover import Crossover
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.repair import Repair
from evolve.mutation.sections import STANDARD, Style
from evolve.paths import bundled
from tests.mutation.model_context import PACKING, context

MODELS = ("llm=ensemble", "llm.members.cheap.model=openai/a", "llm.members.strong.model=openai/b")
KEYLESS = ("full", "greedy", "no_evolution", "no_islands", "no_syntax", "no_trials", "no_tune", "single_block")
NAMES = sorted(path.stem for path in (bundled("conf") / "ablation").glob("*.yaml"))


@cache
def composed(name: str | None, *overrides: str, llm: tuple[str, ...] = MODELS) -> dict[str, Any]:
    chosen = [f"ablation={name}"] if name else []
    return dict(configuration.configure(["problem=circle_packing", "sandbox=process", *llm, *chosen, *overrides]))


def leaves(config: Any, prefix: str = "") -> dict[str, object]:
    if not isinstance(config, dict):
        return {prefix: config}
    return {key: value for name, inner in config.items() for key, value in leaves(inner, f"{prefix}.{name}").items()}


def changed(name: str) -> dict[str, object]:
    """Return what a variant makes different from a run without one, its name aside."""
    whole, found = leaves(composed(None)), leaves(composed(name))
    keys = {key for key in whole.keys() | found.keys() if not key.startswith(".variant")}
    return {key.removeprefix("."): found.get(key, "gone") for key in keys if whole.get(key) != found.get(key, "gone")}


def test_the_sweep_of_the_experiment_has_every_variant() -> None:
    experiment = configuration.option("experiment", "ablation")
    swept = [name.strip() for name in experiment["hydra"]["sweeper"]["params"]["ablation"].split(",")]
    assert sorted(swept) == NAMES and swept[0] == "full"


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_builds_and_is_what_its_file_says(name: str) -> None:
    config = composed(name)
    assert variants.name_of(config) == name
    variants.check(config)
    wiring.build(config)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("full", {}),
        ("no_meta_prompts", {"mutation.lessons.instructions": False}),
        ("no_insights", {"mutation.lessons.max_insights": 0}),
        ("no_syntax", {"mutation.weights.syntax": 0}),
        ("no_tune", {"mutation.weights.tune": 0}),
        ("no_islands", {"search.renewal": []}),
        ("single_block", {"mutation.blocks": "one"}),
    ],
)
def test_a_variant_changes_its_setting_and_no_other(name: str, settings: dict[str, object]) -> None:
    assert changed(name) == settings


@pytest.mark.parametrize(
    ("name", "option"), [("no_evolution", "best_of_n"), ("greedy", "greedy"), ("no_trials", "off")]
)
def test_a_variant_with_another_option_has_it_and_nothing_else(name: str, option: str) -> None:
    group = "noise" if name == "no_trials" else "search"
    assert composed(name)[group] == configuration.option(group, option)
    assert {key.partition(".")[0] for key in changed(name)} == {group}


def test_without_the_bandit_operators_keep_their_shares() -> None:
    whole, found = (wiring.build(composed(name)).operators for name in ("full", "no_bandit"))
    assert (type(whole).__name__, type(found).__name__) == ("OperatorBandit", "OperatorMix")


def test_cheap_only_leaves_the_strong_tier_out() -> None:
    model = wiring.build_model(composed("cheap_only", "llm.members.cheap.fallbacks=[strong]"))
    assert model is not None and [member.tier for member in model.members] == [Tier.CHEAP]


# ── prompts ───────────────────────────────────────────────────────────────────────────────────
SHOWN = {"inspirations": "in_an_inspiration", "failures": "what failed", "lineage": "how it came", "insights": "a find"}


def prompt_of(name: str) -> str:
    settings = dict(composed(name)["mutation"]["prompt"])
    del settings["_target_"]
    told = context(
        {"main.py": PACKING},
        inspirations=[{"main.py": PACKING.replace("radius = 0.5", "in_an_inspiration = 0.5")}],
        failures=[Failure(7, "diff", "crashed", "IndexError", "what failed")],
        lineage=[Change(4, "how it came", (2.0, -0.25), (2.1, -0.25))],
        lessons=[Lesson(1, LessonKind.INSIGHT, "a find", (), (3, 4), 0.75)],
    )
    style = Style("improve", "diff", STANDARD)
    return "\n".join(message.content for message in PromptBuilder(**settings).prompt(style, told).messages)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("full", set()),
        ("no_context", set(SHOWN)),
        ("no_failures", {"failures"}),
        ("no_lineage", {"lineage"}),
    ],
)
def test_prompts_lack_what_a_variant_leaves_out_and_nothing_else(name: str, missing: set[str]) -> None:
    prompt = prompt_of(name)
    assert {section for section, text in SHOWN.items() if text not in prompt} == missing
    assert "radius = 0.5 / side" in prompt and "Pack n circles" in prompt


@pytest.mark.parametrize(("name", "left_out"), [("no_context", {Crossover, Repair}), ("no_failures", {Repair})])
def test_operators_that_show_what_is_left_out_do_not_work(name: str, left_out: set[type]) -> None:
    def kinds(variant: str) -> set[type]:
        operators = wiring.build(composed(variant)).operators
        return {type(operators.named(each)) for each in operators.names}

    assert kinds("full") - kinds(name) == left_out


def test_of_a_single_block_models_are_shown_one_that_may_change() -> None:
    whole, one = (wiring.build(composed(name)).problem for name in ("full", "single_block"))
    assert whole.seed().files["pack.py"].index("START") < whole.seed().files["pack.py"].index("def pack")
    narrowed = one.seed().files["pack.py"]
    assert narrowed.index("def pack") < narrowed.index("EVOLVE-BLOCK-END") < narrowed.index("def grow")


# ── what cannot be run is refused ─────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", NAMES)
def test_without_a_model_variants_of_prompts_and_models_are_refused(name: str) -> None:
    config = composed(name, llm=("llm=none",))
    if name in KEYLESS:
        variants.check(config)
    else:
        with pytest.raises(ConfigurationError, match=rf"ablation={name} needs .*llm="):
            variants.check(config)


@pytest.mark.parametrize("llm", [("llm=http://127.0.0.1:9/v1#x",), (*MODELS, "llm.members.strong.tier=cheap")])
def test_cheap_only_needs_two_tiers(llm: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="members of the tiers cheap and strong"):
        variants.check(composed("cheap_only", llm=llm))


@pytest.mark.parametrize(
    ("name", "setting", "said"),
    [
        ("no_evolution", "search=alphaevolve", "search._target_"),
        (
            "no_syntax",
            "mutation.weights.syntax=1",
            "mutation.weights.syntax=0, but another setting of yours makes it 1",
        ),
    ],
)
def test_a_setting_that_takes_a_variant_back_is_refused(name: str, setting: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        variants.check(composed(name, setting))


def test_a_problem_with_one_function_has_no_block_to_leave_out() -> None:
    with pytest.raises(ConfigurationError, match=r"ablation=single_block: levers\.py has one block"):
        variants.check(composed("single_block", f"problem={LANDSCAPES / 'deceptive'}"))


def test_a_variant_of_ones_own_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "ablation").mkdir()
    own = "# @package _global_\nvariant: {name: no_shift, needs: nothing}\nmutation: {weights: {shift: 0}}\n"
    (tmp_path / "ablation" / "no_shift.yaml").write_text(own)
    config = configuration.configure(["problem=circle_packing", "ablation=no_shift"], tmp_path)
    variants.check(config, tmp_path)
    assert config["mutation"]["weights"]["shift"] == 0
    taken_back = configuration.configure(
        ["problem=circle_packing", "ablation=no_shift", "mutation.weights.shift=2"], tmp_path
    )
    with pytest.raises(ConfigurationError, match="makes it 2"):
        variants.check(taken_back, tmp_path)
