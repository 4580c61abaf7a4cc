from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evolve.domain.objective import Constraint, Direction, Feature
from evolve.domain.problem import Beside, Limits, Problem, complete_program, read_program
from evolve.domain.resources import Resources
from evolve.errors import ProblemError

JUDGE = "def evaluate(candidate, stage, params):\n    return None\n"
FIELDS: dict[str, Any] = {
    "statement": "Add numbers.",
    "objectives": [{"name": "error", "direction": "minimize"}, {"name": "speed", "direction": "maximize", "target": 9}],
    "features": [{"name": "depth", "low": 0, "high": 4, "bins": 4}],
    "params": {"n": 3, "family": "weibull"},
    "stages": [
        {"name": "screen", "timeout_s": 1.5, "gate": {"metric": "error", "factor_of_seed": 1.25}},
        {"name": "full"},
    ],
    "sealed": {"timeout_s": 30},
    "limits": {"memory_mb": 99},
    "known_best": [{"objective": "error", "value": 0.1, "source": "a paper", "params": {"n": 3}}],
}

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a problem folder; a field given as None is left out."""

    def write(**changed: Any) -> Path:
        folder = tmp_path / "adding"
        (folder / "seed").mkdir(parents=True, exist_ok=True)
        (folder / "seed" / "add.py").write_text("def add(a, b):\n    return a\n")
        (folder / "evaluate.py").write_text(JUDGE)
        fields = {key: value for key, value in {**FIELDS, **changed}.items() if value is not None}
        (folder / "problem.yaml").write_text(yaml.safe_dump(fields))
        return folder

    return write


# ── good folders ──────────────────────────────────────────────────────────────────────────────
def test_every_field_arrives(make: Make) -> None:
    problem = Problem.load(make())
    assert problem.name == "adding"
    assert problem.statement == "Add numbers."
    assert [(goal.name, goal.direction, goal.target) for goal in problem.objectives] == [
        ("error", Direction.MINIMIZE, None),
        ("speed", Direction.MAXIMIZE, 9.0),
    ]
    assert problem.features == (Feature("depth", 0.0, 4.0, 4),)
    screen, full = problem.stages
    assert (screen.name, screen.timeout_s, full.timeout_s) == ("screen", 1.5, 60.0)
    assert screen.gate is not None and screen.gate.direction is Direction.MINIMIZE
    assert problem.sealed is not None and (problem.sealed.name, problem.sealed.timeout_s) == ("sealed", 30.0)
    assert problem.limits == Limits(memory_mb=99)
    assert problem.known_best[0].params == {"n": 3}
    assert problem.seed().files == {"add.py": "def add(a, b):\n    return a\n"}


def test_short_folder_gets_defaults(make: Make) -> None:
    left_out = dict.fromkeys(["features", "params", "stages", "sealed", "limits", "known_best"])
    problem = Problem.load(make(**left_out))
    assert [stage.name for stage in problem.stages] == ["full"]
    assert problem.sealed is None
    assert (problem.language, problem.entry, problem.editable, problem.preload) == (
        "python",
        "add.py",
        ("*",),
        ("numpy",),
    )
    assert [feature.name for feature in problem.features] == ["program_lines"]
    assert problem.limits == Limits()


def test_params_override_defaults_and_unknown_ones_name_the_nearest(make: Make) -> None:
    folder = make()
    assert Problem.load(folder, {"n": 5}).params == {"n": 5, "family": "weibull"}
    with pytest.raises(ProblemError, match=r"no parameter 'famly'.*Did you mean 'family'"):
        Problem.load(folder, {"famly": "or_uniform"})


def test_limits_of_interim_results_lie_beyond_a_score_by_its_slack(make: Make) -> None:
    folder = make(
        stages=[
            {"name": "a", "interim": {"metric": "error", "slack": 0.5}},
            {"name": "b", "interim": {"metric": "speed", "slack": 0.5, "beside": "seed"}},
        ]
    )
    low, high = (stage.interim for stage in Problem.load(folder).stages)
    assert low is not None and high is not None
    assert (low.beside, high.beside) == (Beside.BEST, Beside.SEED)
    assert (low.limit(2.0), low.limit(-2.0), low.limit(0.0)) == (3.0, -1.0, 0.0)
    assert (high.limit(2.0), high.limit(-2.0), high.limit(0.0)) == (1.0, -3.0, 0.0)


def test_a_problem_is_deterministic_unless_it_says_otherwise(make: Make) -> None:
    assert Problem.load(make()).deterministic
    assert not Problem.load(make(deterministic=False)).deterministic


def test_gate_compares_with_the_seed_in_the_metrics_direction(make: Make) -> None:
    folder = make(
        stages=[
            {"name": "a", "gate": {"metric": "error", "factor_of_seed": 1.5}},
            {"name": "b", "gate": {"metric": "speed", "factor_of_seed": 0.5}},
            {"name": "c", "gate": {"factor_of_seed": 1}},
        ]
    )
    low, high, first = (stage.gate for stage in Problem.load(folder).stages)
    assert low is not None and high is not None and first is not None
    assert low.passes(1.5, 1.0) and not low.passes(1.51, 1.0)
    assert high.passes(0.5, 1.0) and not high.passes(0.49, 1.0)
    assert first.metric == "error"


def test_vector_has_one_gain_an_objective(make: Make) -> None:
    assert Problem.load(make()).vector({"speed": 2.0, "error": 0.5, "other": 1.0}) == (-0.5, 2.0)


def test_constraints_are_read_and_their_violations_add_up(make: Make) -> None:
    problem = Problem.load(make(constraints=[{"metric": "speed", "at_least": 4}, {"metric": "error", "at_most": 0.5}]))
    assert problem.constraints == (Constraint("speed", at_least=4.0), Constraint("error", at_most=0.5))
    assert problem.violation({"speed": 5.0, "error": 0.1}) == 0.0
    assert problem.violation({"speed": 3.0, "error": 1.0}) == 1.25
    assert Problem.load(make()).violation({}) == 0.0


def test_reference_is_the_declared_one_or_what_stands_in(make: Make) -> None:
    problem = Problem.load(make(objectives=[{**GOAL, "reference": 2}, {"name": "speed", "direction": "maximize"}]))
    assert problem.reference((-0.5, 7.0)) == (-2.0, 7.0)


def test_stage_by_name_finds_the_sealed_one_and_suggests(make: Make) -> None:
    problem = Problem.load(make())
    assert problem.stage("sealed") is problem.sealed
    with pytest.raises(ProblemError, match=r"no stage 'scren'.*Did you mean 'screen'"):
        problem.stage("scren")


def test_programs_are_completed_with_the_seeds_files(make: Make) -> None:
    folder = make(entry="add.py", editable=["*.py"])
    (folder / "seed" / "table.txt").write_text("1 2 3\n")
    (folder / "seed" / "__pycache__").mkdir()
    (folder / "seed" / "__pycache__" / "add.pyc").write_bytes(b"\xff")
    (folder / "baselines" / "two_files").mkdir(parents=True)
    (folder / "baselines" / "two_files" / "table.txt").write_text("4\n")
    (folder / "baselines" / "plus.py").write_text("plus\n")
    (folder / "baselines" / "recorded.json").write_text("[]")
    problem = Problem.load(folder)
    assert problem.baselines() == {
        "plus": {"add.py": "plus\n", "table.txt": "1 2 3\n"},
        "two_files": {"add.py": problem.seed().files["add.py"], "table.txt": "4\n"},
    }
    assert problem.exploits() == {}
    assert problem.is_editable("add.py") and not problem.is_editable("table.txt")
    with pytest.raises(ProblemError, match=r"No program at .*missing\.py"):
        complete_program(problem, folder / "missing.py")


def test_guidance_is_given_file_by_file(make: Make) -> None:
    problem = Problem.load(make(guidance={"add.py": "Two lines\nat most.", "*.py": "No imports."}))
    assert problem.guidance_on("add.py") == "No imports. Two lines at most."
    assert problem.guidance_on("table.txt") == ""
    for wrong, says in (
        ("words", "mapping of file patterns"),
        ({"add.py": 3}, "guidance.add.py"),
        ({"x.c": "y"}, "x.c"),
    ):
        with pytest.raises(ProblemError, match=says):
            Problem.load(make(guidance=wrong))


def test_judge_hash_follows_what_a_score_depends_on_and_nothing_else(make: Make) -> None:
    folder = make()
    before = Problem.load(folder).judge_hash()
    (folder / "seed" / "add.py").write_text("other\n")
    (folder / "README.md").write_text("words\n")
    (folder / "baselines").mkdir()
    (folder / "baselines" / "x.py").write_text("x\n")
    make_again = Problem.load(folder)
    assert make_again.judge_hash() == before
    assert Problem.load(folder, {"n": 4}).judge_hash() != before
    (folder / "data.csv").write_text("1\n")
    with_data = Problem.load(folder).judge_hash()
    assert with_data != before
    (folder / "evaluate.py").write_text(JUDGE + "# changed\n")
    assert Problem.load(folder).judge_hash() not in {before, with_data}


def test_judge_hash_tells_name_from_content(make: Make) -> None:
    folder = make()
    hashes = set()
    for name, text in (("a", "bc"), ("ab", "c")):
        (folder / name).write_text(text)
        hashes.add(Problem.load(folder).judge_hash())
        (folder / name).unlink()
    assert len(hashes) == 2


# ── broken fields ─────────────────────────────────────────────────────────────────────────────
GOAL = {"name": "error", "direction": "minimize"}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"objectivs": []}, "unknown field 'objectivs'. Did you mean 'objectives'"),
    "unknown field inside": ({"objectives": [{**GOAL, "targt": 1}]}, r"'objectives\[0\].targt'. Did you mean 'target'"),
    "no statement": ({"statement": None}, "'statement': expected text, found nothing"),
    "blank statement": ({"statement": "  "}, "'statement': expected text"),
    "no objectives": ({"objectives": None}, "'objectives': expected a list, found nothing"),
    "empty objectives": ({"objectives": []}, "'objectives': expected at least one objective"),
    "objectives as mapping": ({"objectives": {"error": 1}}, "'objectives': expected a list, found dict"),
    "objective as text": ({"objectives": ["error"]}, r"'objectives\[0\]': expected a mapping .* found 'error'"),
    "objective without name": ({"objectives": [{"direction": "minimize"}]}, r"objectives\[0\].name.*expected text"),
    "wrong direction": (
        {"objectives": [{"name": "error", "direction": "down"}]},
        r"'objectives\[0\].direction': expected 'maximize' or 'minimize', found 'down'",
    ),
    "no direction": ({"objectives": [{"name": "error"}]}, r"'objectives\[0\].direction': .* found nothing"),
    "target as text": ({"objectives": [{**GOAL, "target": "9"}]}, r"'objectives\[0\].target': expected a number"),
    "reference as text": ({"objectives": [{**GOAL, "reference": "9"}]}, r"'objectives\[0\].reference': .* a number"),
    "constraint without bound": (
        {"constraints": [{"metric": "speed"}]},
        r"'constraints\[0\]': expected either 'at_least' or 'at_most', found neither",
    ),
    "constraint with two bounds": (
        {"constraints": [{"metric": "speed", "at_least": 1, "at_most": 2}]},
        r"'constraints\[0\]': .* found both",
    ),
    "constraint without metric": ({"constraints": [{"at_most": 2}]}, r"'constraints\[0\].metric': expected text"),
    "constraint as text": ({"constraints": [{"metric": "s", "at_most": "x"}]}, r"constraints\[0\].at_most.* a number"),
    "constraint with unknown key": (
        {"constraints": [{"metric": "s", "at_mst": 1}]},
        r"'constraints\[0\].at_mst'. Did you mean 'at_most'",
    ),
    "objective twice": ({"objectives": [GOAL, GOAL]}, "'objectives': expected different names, found 'error' twice"),
    "feature upside down": (
        {"features": [{"name": "d", "low": 4, "high": 4}]},
        r"'features\[0\]': expected low < high",
    ),
    "feature without bins": ({"features": [{"name": "d", "low": 0, "high": 4, "bins": 0}]}, "bins >= 1"),
    "feature without high": ({"features": [{"name": "d", "low": 0}]}, r"'features\[0\].high': expected a number"),
    "feature not finite": (
        {"features": [{"name": "d", "low": 0, "high": float("inf")}]},
        r"'features\[0\].high': expected a finite number, found inf",
    ),
    "stage without name": ({"stages": [{"timeout_s": 1}]}, r"stages\[0\].name.*expected text, found nothing"),
    "stage twice": ({"stages": [{"name": "a"}, {"name": "a"}]}, "'stages': expected different names, found 'a' twice"),
    "stage named sealed": (
        {"stages": [{"name": "sealed"}]},
        "'stages': expected different names, found 'sealed' twice",
    ),
    "timeout of nothing": (
        {"stages": [{"name": "a", "timeout_s": 0}]},
        r"'stages\[0\].timeout_s': expected a positive",
    ),
    "timeout as bool": ({"stages": [{"name": "a", "timeout_s": True}]}, r"timeout_s': expected a number, found True"),
    "timeout nan": ({"stages": [{"name": "a", "timeout_s": float("nan")}]}, "expected a finite number, found nan"),
    "gate metric": (
        {"stages": [{"name": "a", "gate": {"metric": "eror", "factor_of_seed": 1}}]},
        r"'stages\[0\].gate.metric': expected the name of an objective, found 'eror'. Did you mean 'error'",
    ),
    "gate without factor": (
        {"stages": [{"name": "a", "gate": {"metric": "error"}}]},
        r"'stages\[0\].gate.factor_of_seed': expected a number, found nothing",
    ),
    "gate with both factors": (
        {"stages": [{"name": "a", "gate": {"factor_of_seed": 1, "factor_of_best": 1}}]},
        r"'stages\[0\].gate': expected factor_of_seed or factor_of_best, found both",
    ),
    "interim without slack": (
        {"stages": [{"name": "a", "interim": {"metric": "error"}}]},
        r"'stages\[0\].interim.slack': expected a number, found nothing",
    ),
    "interim with a negative slack": (
        {"stages": [{"name": "a", "interim": {"slack": -0.1}}]},
        r"'stages\[0\].interim.slack': expected a number of at least 0, found -0.1",
    ),
    "interim beside nobody": (
        {"stages": [{"name": "a", "interim": {"slack": 0, "beside": "worst"}}]},
        r"'stages\[0\].interim.beside': expected one of seed, best, found 'worst'",
    ),
    "interim of the sealed stage": ({"sealed": {"interim": {"slack": 0}}}, "unknown field 'sealed.interim'"),
    "deterministic as text": ({"deterministic": "no"}, "'deterministic': expected true or false, found 'no'"),
    "gate as number": ({"stages": [{"name": "a", "gate": 2}]}, r"'stages\[0\].gate': expected a mapping .* found 2"),
    "sealed as number": ({"sealed": 5}, "'sealed': expected a mapping .* found 5"),
    "sealed with unknown field": ({"sealed": {"timeout": 5}}, "'sealed.timeout'. Did you mean 'timeout_s'"),
    "entry elsewhere": (
        {"entry": "main.py"},
        r"'entry': expected one of the seed's files \['add.py'\], found 'main.py'",
    ),
    "editable matches nothing": ({"editable": ["*.cpp"]}, r"'editable': expected a pattern that matches one of"),
    "editable as text": ({"editable": "*.py"}, "'editable': expected a list, found str"),
    "params as list": ({"params": [1]}, "'params': expected a mapping"),
    "unknown limit": ({"limits": {"memory": 1}}, "'limits.memory'. Did you mean 'memory_mb'"),
    "limit as text": ({"limits": {"memory_mb": "1 GB"}}, "'limits.memory_mb': expected a number, found '1 GB'"),
    "negative limit": ({"limits": {"memory_mb": -1}}, "'limits.memory_mb': expected a number of at least 1, found -1"),
    "known best without source": (
        {"known_best": [{"objective": "error", "value": 1}]},
        r"known_best\[0\].source.*expected text",
    ),
    "known best of no objective": (
        {"known_best": [{"objective": "eror", "value": 1, "source": "s"}]},
        r"'known_best\[0\].objective': expected the name of an objective, found 'eror'. Did you mean 'error'",
    ),
    "known best params": (
        {"known_best": [{"objective": "error", "value": 1, "source": "s", "params": [3]}]},
        r"'known_best\[0\].params': expected a mapping",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_field_is_named_with_what_was_expected(what: str, make: Make) -> None:
    changed, words = BROKEN[what]
    with pytest.raises(ProblemError, match=words) as raised:
        Problem.load(make(**changed))
    assert "problem.yaml" in str(raised.value)


# ── broken files ──────────────────────────────────────────────────────────────────────────────
def _no_folder(folder: Path) -> Path:
    return folder / "nowhere"


def _no_yaml(folder: Path) -> None:
    (folder / "problem.yaml").unlink()


def _broken_yaml(folder: Path) -> None:
    (folder / "problem.yaml").write_text("statement: [1, 2\nobjectives: }")


def _yaml_in_latin1(folder: Path) -> None:
    (folder / "problem.yaml").write_bytes("statement: Zählen".encode("latin-1"))


def _list_yaml(folder: Path) -> None:
    (folder / "problem.yaml").write_text("- statement\n")


def _empty_yaml(folder: Path) -> None:
    (folder / "problem.yaml").write_text("")


def _no_seed(folder: Path) -> None:
    (folder / "seed" / "add.py").unlink()
    (folder / "seed").rmdir()


def _empty_seed(folder: Path) -> None:
    (folder / "seed" / "add.py").unlink()


def _binary_seed(folder: Path) -> None:
    (folder / "seed" / "add.py").write_bytes(b"\x7fELF\xff\xfe")


def _no_judge(folder: Path) -> None:
    (folder / "evaluate.py").unlink()


def _broken_judge(folder: Path) -> None:
    (folder / "evaluate.py").write_text("import math\ndef evaluate(candidate:\n")


def _judge_with_zero_byte(folder: Path) -> None:
    (folder / "evaluate.py").write_bytes(b"x = 1\n\0\n")


def _judge_in_latin1(folder: Path) -> None:
    (folder / "evaluate.py").write_bytes("x = 'ä'\n".encode("latin-1"))


def _judge_without_evaluate(folder: Path) -> None:
    (folder / "evaluate.py").write_text("def evaluat(candidate, stage, params):\n    pass\n")


def _two_seed_files(folder: Path) -> None:
    (folder / "seed" / "more.py").write_text("x\n")


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (_no_folder, "No problem folder at .*nowhere.*evolve new"),
        (_no_yaml, "has no problem.yaml.*evolve new"),
        (_broken_yaml, "problem.yaml is not valid YAML.*line"),
        (_yaml_in_latin1, "problem.yaml is not valid YAML"),
        (_list_yaml, "expected fields like 'statement:' .* found list"),
        (_empty_yaml, "expected fields like 'statement:' .* found NoneType"),
        (_no_seed, "has no seed: expected the folder of the initial program"),
        (_empty_seed, "seed holds no files"),
        (_binary_seed, "add.py is not UTF-8 text"),
        (_no_judge, "has no evaluate.py: expected the judge"),
        (_broken_judge, "evaluate.py, line 2: .* The judge must be valid Python"),
        (_judge_with_zero_byte, "evaluate.py.*null bytes.*The judge must be valid Python"),
        (_judge_in_latin1, "evaluate.py is not UTF-8 text"),
        (_judge_without_evaluate, r"evaluate.py defines no function 'evaluate\(.*It defines: \['evaluat'\]"),
        (_two_seed_files, "'entry': expected text, found nothing"),
    ],
)
def test_broken_file_is_named(break_it: Callable[[Path], Path | None], words: str, make: Make) -> None:
    folder = make()
    with pytest.raises(ProblemError, match=f"(?s){words}"):
        Problem.load(break_it(folder) or folder)


@pytest.mark.parametrize("judge", ["from math import sqrt as evaluate\n", "evaluate = print\n", JUDGE])
def test_judge_may_bind_evaluate_in_any_way(judge: str, make: Make) -> None:
    folder = make()
    (folder / "evaluate.py").write_text(judge)
    assert Problem.load(folder).name == "adding"


def test_seed_that_is_a_file_is_refused(make: Make) -> None:
    folder = make()
    _no_seed(folder)
    (folder / "seed").write_text("def add(a, b): ...\n")
    with pytest.raises(ProblemError, match="seed"):
        Problem.load(folder)


def test_broken_baseline_is_named_when_it_is_read(make: Make) -> None:
    folder = make()
    (folder / "baselines").mkdir()
    (folder / "baselines" / "old.py").write_bytes(b"\xff")
    with pytest.raises(ProblemError, match=r"old\.py is not UTF-8"):
        Problem.load(folder).baselines()


def test_read_program_uses_forward_slashes_and_leaves_hidden_files_out(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("x\n")
    (tmp_path / ".hidden").write_text("y\n")
    assert read_program(tmp_path) == {"src/main.py": "x\n"}


def test_a_seed_with_an_unclosed_block_is_refused(make: Make) -> None:
    folder = make()
    entry = next((folder / "seed").iterdir())
    entry.write_text("# EVOLVE-BLOCK-START\n" + entry.read_text())
    with pytest.raises(ProblemError, match=r"never closed"):
        Problem.load(folder)


# ── resources ─────────────────────────────────────────────────────────────────────────────────
def test_a_stage_claims_what_the_problem_does_unless_it_says_otherwise(make: Make) -> None:
    stages = [{"name": "screen", "resources": {"gpus": 0, "custom": {}}}, {"name": "full"}]
    claim = {"cpus": 0.5, "memory_mb": 512, "custom": {"disk": 2}}
    problem = Problem.load(make(stages=stages, limits={"gpus": 1}, resources=claim))
    screen, full = problem.stages
    assert screen.resources == Resources(0.5, 0.0, 512)
    assert full.resources == Resources(0.5, 1.0, 512, (("disk", 2.0),))
    assert problem.sealed is not None and problem.sealed.resources == full.resources
    assert str(full.resources) == "0.5 CPU, 1 GPU, 512 MB, 2 disk"


def test_without_a_claim_an_evaluation_occupies_one_processor(make: Make) -> None:
    assert Problem.load(make(stages=None)).stages[0].resources == Resources(cpus=1.0)


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ({"gpus": 1}, "resources.gpus.*at most limits.gpus"),
        ({"cpus": -1}, "resources.cpus.*at least 0"),
        ({"cpus": 0}, "more than nothing"),
        ({"cores": 1}, "resources.cores.*cpus"),
        ({"custom": ["disk"]}, "resources.custom.*mapping"),
        ({"custom": {"disk": "much"}}, "resources.custom.disk.*a number"),
    ],
)
def test_impossible_claims_are_named(make: Make, claim: dict[str, Any], says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        Problem.load(make(resources=claim))


def test_resources_do_not_change_the_judge(make: Make) -> None:
    plain = Problem.load(make()).judge_hash()
    assert Problem.load(make(resources={"cpus": 4})).judge_hash() == plain
