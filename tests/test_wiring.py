from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evolve import configuration, problem_library, wiring
from evolve.errors import ConfigurationError, EvolveError, NotFound
from evolve.paths import bundled


def test_the_default_configuration_builds_a_keyless_run() -> None:
    parts = wiring.build(configuration.configure(["problem=bin_packing"]))
    assert parts.model is None
    assert parts.executor.width == configuration.usable_cores()
    assert {parts.operators.choose(_rng(seed)).operator for seed in range(50)} == {"syntax", "tune"}


@pytest.mark.parametrize("path", sorted(bundled("conf").glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}={p.stem}")
def test_every_option_of_every_group_composes_and_builds(path: Path) -> None:
    group, option = path.parent.name, path.stem
    extra = {
        "single": ["llm.model=openai/x", "llm.api_base=http://127.0.0.1:9/v1"],
        "ensemble": ["llm.members.cheap.model=openai/x", "llm.members.strong.model=openai/y"],
        "funsearch": ["llm=http://127.0.0.1:9/v1#x"],
        "postgres": ["store.url=postgresql://me@localhost/evolve"],
        "single_block": ["problem=circle_packing"],  # the other has nothing to leave out
    }.get(option, [])
    wiring.build(configuration.configure(["problem=bin_packing", f"{group}={option}", *extra]))


def test_every_key_of_a_group_is_an_argument_of_what_it_builds() -> None:
    for group in ("search", "store", "sandbox", "executor"):
        config = dict(configuration.configure(["problem=bin_packing"]))
        config[group] = {**config[group], "no_such_argument": 1}
        with pytest.raises(ConfigurationError, match="no_such_argument"):
            wiring.build(config) if group not in ("store", "sandbox") else _build_alone(group, config)


def test_a_password_in_a_store_s_url_is_used_and_not_recorded() -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/evolve?application_name=x"
    config = configuration.configure(["problem=bin_packing", "store=postgres", f"store.url={url}"])
    assert config["store"]["url"] == url
    recorded = wiring.new_run(config, wiring.build(config))
    assert "s3cret" not in repr(recorded)
    assert recorded.config["store"] == {**config["store"], "url": url.replace(":s3cret", "")}
    assert wiring.store_config(url)["_target_"] == config["store"]["_target_"]
    with pytest.raises(EvolveError) as caught:
        wiring.find_run(url, "x")
    assert "s3cret" not in str(caught.value)


def test_a_run_s_name_has_a_limit() -> None:
    config = configuration.configure(["problem=bin_packing", f"run={'x' * 201}"])
    with pytest.raises(ConfigurationError, match=r"run: expected at most 200 characters, found 201"):
        wiring.new_run(config, wiring.build(config))


def test_a_run_from_before_the_library_of_judges_counted_keeps_its_rule() -> None:
    config = configuration.configure(["problem=cap_set", "llm=none"])
    parts = wiring.build(config)
    now = wiring.new_run(config, parts)
    former = replace(parts.problem, library_counts=False).judge_hash()
    before = replace(now, provenance={**now.provenance, "judge_hash": former})
    assert wiring.problem_of(before).judge_hash() == former
    assert wiring.problem_of(now).judge_hash() == parts.problem.judge_hash() != former
    other = replace(now, provenance={**now.provenance, "judge_hash": "0" * 16})
    assert wiring.problem_of(other).judge_hash() == parts.problem.judge_hash()


def test_with_a_model_most_proposals_come_from_it() -> None:
    parts = wiring.build(configuration.configure(["problem=bin_packing", "llm=http://127.0.0.1:9/v1"]))
    names = [parts.operators.choose(_rng(seed)).operator for seed in range(200)]
    assert names.count("diff") > names.count("rewrite") > 0
    assert parts.model is not None


def test_without_an_operator_nothing_starts() -> None:
    with pytest.raises(ConfigurationError, match="No operator is left"):
        wiring.build(
            configuration.configure(["problem=bin_packing", "mutation.weights.syntax=0", "mutation.weights.tune=0"])
        )


def test_an_unknown_run_is_named_with_the_nearest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/e.db"
    with pytest.raises(NotFound, match="no store at"):
        wiring.find_run(url, "x")
    config = configuration.configure(["problem=bin_packing", "run=first-run"])
    store = wiring.open_store({"store": wiring.store_config(url)})
    store.create_run(wiring.new_run(config, wiring.build(config)))
    store.close()
    assert wiring.find_run(url, "first-run").config["problem"] == "bin_packing"
    with pytest.raises(NotFound, match="first-run"):
        wiring.find_run(url, "firstrun")


def _build_alone(group: str, config: configuration.Config) -> None:
    if group == "store":
        wiring.open_store(config)
    else:
        wiring.build_sandbox(config, problem_library.load_problem("bin_packing"))


def test_a_single_model_is_an_ensemble_of_one_and_several_are_one_of_several() -> None:
    alone = wiring.build_model(configuration.configure(["problem=bin_packing", "llm=http://127.0.0.1:9/v1#qwen"]))
    assert alone is not None and [member.model.name for member in alone.members] == ["openai/qwen"]
    settings = ["llm=ensemble", "llm.members.cheap.model=openai/a", "llm.members.strong.model=openai/b"]
    more = ["+llm.members.third.model=openai/c", "+llm.members.third.tier=cheap", "llm.each.temperature=[0.5,1.0]"]
    several = wiring.build_model(configuration.configure(["problem=bin_packing", *settings, *more]))
    assert several is not None
    assert [member.model.name for member in several.members] == ["cheap", "strong", "third"]
    assert wiring.build_model(configuration.configure(["problem=bin_packing"])) is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["llm=ensemble"], "llm.members.cheap.model has no value"),
        (["llm=ensemble", "llm.members.cheep.model=x"], "Did you mean .llm.members.cheap"),
        (["llm=m", "llm.temperature=hot"], "llm.temperature: expected a number"),
        (["llm=m", "llm.reasks=-1"], "llm.reasks: expected at least 0"),
        (["llm=m", "llm.timeout_s=0"], "llm.timeout_s: expected a number above 0"),
        (
            ["llm=ensemble", "llm.members.cheap.model=a", "llm.members.strong.model=b", "+llm.members.strong.x=1"],
            "llm.members.strong.x",
        ),
    ],
)
def test_a_wrong_setting_of_a_model_is_named(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        wiring.build(configuration.configure(["problem=bin_packing", *overrides]))


def _rng(seed: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.random.default_rng(seed)
