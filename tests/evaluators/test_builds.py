"""What was built before is found by all that went into it, and takes bounded room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.builds import Build, Builds, build_key
from evaluators.candidate import Finished
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job

FILES = {"a.c": "x", "b.h": "y"}
EVALUATE = """
from evaluators import Score
COMMAND = ["/bin/sh", "-c", "cat /proc/sys/kernel/random/uuid > made && cat program.sh >> made"]
def evaluate(candidate, stage, params):
    other = candidate.other({"program.sh": "# the same in all evaluations"})
    if stage == "fails":
        candidate.build(["/bin/sh", "-c", "cat /proc/sys/kernel/random/uuid >&2; exit 3"])
    candidate.build(COMMAND)
    other.build(COMMAND if stage != "twice" else ["/bin/sh", "-c", "sleep 0.2"])
    made = [one.run(["cat", "made"]).stdout.decode() for one in (candidate, other) if stage != "twice"]
    return Score({"value": 1.0}, feedback="|".join(made))
"""


def build(size: int) -> Build:
    return Build(Finished(0, b"", b"", 0.5), [("made", 0o755, np.zeros(size, np.uint8))])


def test_every_ingredient_changes_the_key() -> None:
    made = [("made", 0o644, np.frombuffer(b"z", np.uint8))]
    keys = [
        build_key(FILES, [], ["cc", "a.c"], 0),
        build_key({**FILES, "a.c": "X"}, [], ["cc", "a.c"], 0),
        build_key({"a.c": "x"}, [], ["cc", "a.c"], 0),
        build_key({"a.cx": "", "b.h": "y"}, [], ["cc", "a.c"], 0),
        build_key(FILES, made, ["cc", "a.c"], 0),
        build_key(FILES, [("made", 0o755, made[0][2])], ["cc", "a.c"], 0),
        build_key(FILES, [], ["cc", "a", ".c"], 0),
        build_key(FILES, [], ["cc", "a.c"], 1),
    ]
    assert len(set(keys)) == len(keys)
    assert build_key(dict(reversed(FILES.items())), [], ["cc", "a.c"], 0) == keys[0]


def test_what_was_not_asked_for_longest_goes_first_and_too_large_is_not_kept() -> None:
    builds = Builds(max_bytes=100)
    for name in (b"a", b"b"):
        builds.keep(name, build(40))
    assert builds.find(b"a") is not None
    builds.keep(b"c", build(40))
    assert builds.find(b"b") is None
    assert builds.find(b"a") is not None and builds.find(b"c") is not None
    builds.keep(b"d", build(101))
    assert builds.find(b"d") is None and builds.find(b"a") is not None


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "program.sh").write_text("# one\n")
    (tmp_path / "evaluate.py").write_text(EVALUATE)
    (tmp_path / "problem.yaml").write_text(
        "statement: x\nlanguage: bash\nobjectives: [{name: value, direction: maximize}]\n"
    )
    return Problem.load(tmp_path)


async def test_equal_files_are_built_once_and_no_program_gets_what_another_built(problem: Problem) -> None:
    sandbox = ProcessSandbox(problem)
    await sandbox.start()
    try:
        said = {}
        for name, stage, text in (
            ("first", "quick", "# one\n"),
            ("other", "quick", "# two\n"),
            ("again", "full", "# one\n"),
            ("fails", "fails", "# one\n"),
            ("fails again", "fails", "# one\n"),
            ("in time", "twice", "# one\n"),
        ):
            verdict = await sandbox.judge(Job(problem, Stage(stage, 10.0), {"program.sh": text}))
            assert verdict.outcome is (Outcome.CRASHED if "fails" in name else Outcome.VALID), verdict
            said[name] = verdict.feedback.split("|")
        late = await sandbox.judge(Job(problem, Stage("twice", 0.2), {"program.sh": "# one\n"}))
    finally:
        await sandbox.close()
    assert said["first"] == said["again"]
    assert said["other"][0] != said["first"][0] and "# two" in said["other"][0]
    assert said["other"][1] == said["first"][1], "a baseline is built once for all programs"
    assert said["fails"] != said["fails again"]
    assert late.outcome is Outcome.TIMED_OUT, "a build counts as long as it took"
