"""The line of a program: the steps that changed the score, with what they changed."""

from __future__ import annotations

from pathlib import Path

from evolve.account.lineage import lineage
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Evaluated, Finished, Record, Selected
from evolve.interfaces import RunInfo
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import write_problem


def _program(step: int, parent: int | None, value: float) -> list[Record]:
    parents = () if parent is None else (parent,)
    return [
        Selected(step, Choice(parent or 0, (), 0), "syntax", step),
        Applied(Program(step, {"program.py": f"value = {step}\n"}, parents, {})),
        Evaluated(step, Evaluation("full", Outcome.VALID, "judge", metrics={"value": value})),
        Finished(step, step, Outcome.VALID),
    ]


def test_a_line_skips_what_left_the_score_as_it_was(tmp_path: Path) -> None:
    store = MemoryStore()
    store.create_run(RunInfo("r", "constant", "running", {}, {}, 0.0))
    lease = store.acquire("r", "me", 60)
    for records in (
        _program(0, None, 1.0),
        _program(1, 0, 1.0),
        _program(2, 1, 1.0),
        _program(3, 2, 2.0),
        _program(4, 0, 9.0),
        _program(5, 3, 3.0),
    ):
        store.append(lease, records)

    line = lineage(store, "r", write_problem(tmp_path / "constant"), 5)

    assert [(a.program.step, a.gains, a.skipped) for a in line] == [(0, (1.0,), 0), (3, (2.0,), 2), (5, (3.0,), 0)]
    assert line[0].diff == ""
    assert "-value = 0" in line[1].diff
    assert "+value = 3" in line[1].diff
