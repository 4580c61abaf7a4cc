from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Evaluated, Finished, Record, Selected
from evolve.interfaces import RunInfo
from evolve.store.encoding import Packer, to_json
from evolve.store.history import PackedDetail
from evolve.store.sql import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(f"sqlite:///{tmp_path / 'e.db'}")
    opened.create_run(RunInfo("run", "p", "running", {}, {}, created_at=1.0))
    yield opened
    opened.close()


def begun(step: int) -> list[Record]:
    program = Program(step, {"a.py": f"x = {step}\n"}, (0, 1), {"operator": "syntax", "edits": [f"edit {step}"]})
    return [Selected(step, Choice(0, (1, 2), 3), "syntax", step), Applied(program)]


def judged(step: int, *stages: str) -> list[Record]:
    return [
        Evaluated(step, Evaluation(stage, Outcome.VALID, "judge", metrics={"b": step, "a": 0.5}, seconds=0.25))
        for stage in stages
    ]


def test_attempts_come_by_sequence_however_far_apart_their_steps_are(store: SqlStore) -> None:
    lease = store.acquire("run", "me", 60)
    order = [step for step in range(1, 1203) if step % 7] + [step for step in range(1, 1203) if step % 7 == 0]
    store.append(lease, [record for step in range(1, 1203) for record in begun(step)])
    ends = [[*judged(step, "full"), Finished(step, at, Outcome.VALID)] for at, step in enumerate(order)]
    store.append(lease, [record for end in ends for record in end])
    told = list(store.history("run"))
    assert [attempt.finished.step for attempt in told] == order
    assert all(attempt.program is not None and attempt.program.step == attempt.selected.step for attempt in told)
    assert [attempt.evaluation.metrics["b"] for attempt in told if attempt.evaluation] == order
    assert list(told[0].evaluation.metrics) == ["b", "a"] if told[0].evaluation else False


def test_steps_in_between_that_are_not_finished_are_left_out(store: SqlStore) -> None:
    lease = store.acquire("run", "me", 60)
    store.append(lease, [record for step in (1, 2, 3) for record in (*begun(step), *judged(step, "full"))])
    store.append(lease, [Finished(1, 0, Outcome.VALID), Finished(3, 1, Outcome.VALID)])
    assert [attempt.selected.step for attempt in store.history("run")] == [1, 3]
    assert all(attempt.evaluation_s == 0.25 for attempt in store.history("run"))


def test_the_sealed_stage_is_not_told_unless_there_is_no_other(store: SqlStore) -> None:
    lease = store.acquire("run", "me", 60)
    store.append(lease, [*begun(1), *judged(1, "cheap", "full", SEALED), Finished(1, 0, Outcome.VALID)])
    store.append(lease, [*begun(2), *judged(2, SEALED), Finished(2, 1, Outcome.VALID)])
    first, second = store.history("run")
    assert first.evaluation is not None and first.evaluation.stage == "full"
    assert second.evaluation is not None and second.evaluation.stage == SEALED
    assert (first.evaluation_s, second.evaluation_s) == (0.5, 0.0)


def test_a_packed_detail_is_what_was_packed() -> None:
    detail = {"operator": "tune", "x": [0.1, float("inf")], "note": "\ud800 and more " * 40}
    packer = Packer()
    packed = PackedDetail(packer.pack(to_json(detail)), packer)
    assert packed == detail and detail == packed
    assert list(packed) == list(detail) and len(packed) == 3
    assert packed["operator"] == "tune" and packed.get("absent") is None
    assert {**packed} == detail and repr(packed) == repr(detail)
