from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.controller.memory import Memory
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.program import Program
from evolve.interfaces import Change, Digest


def told(
    memory: Memory,
    step: int,
    parent: int = 0,
    gains: tuple[float, ...] = (),
    *,
    outcome: Outcome = Outcome.VALID,
    operator: str = "diff",
    summary: str = "",
    feedback: str = "",
    cause: str = "",
    detail: str = "",
) -> None:
    rejected = bool(cause)
    scored = Scored(step, 0, () if rejected else (parent,), operator, Outcome.REJECTED if rejected else outcome, gains)
    memory.observe(
        scored,
        parent=parent,
        program=None if rejected else Program(step, {}, (parent,), {"summary": summary}),
        evaluation=None if rejected else Evaluation("full", outcome, "judge", feedback=feedback),
        cause=cause,
        detail=detail,
    )


def seeded(**settings: int) -> Memory:
    memory = Memory(**settings)
    told(memory, 0, 0, (1.0,), operator="seed")
    return memory


def test_what_did_not_help_is_kept_by_parent_the_latest_first() -> None:
    memory = seeded()
    told(memory, 1, 0, (0.5,), summary="Try A.", feedback="too wide")
    told(memory, 2, 0, cause="search_not_found", detail="no such lines")
    told(memory, 3, 0, outcome=Outcome.CRASHED, feedback="ZeroDivisionError", summary="Try C.")
    told(memory, 4, 0, (2.0,), summary="Try D.")
    told(memory, 5, 4, (2.0,), summary="No change.")
    assert [(f.step, f.cause, f.detail, f.summary) for f in memory.failures(0)] == [
        (3, "crashed", "ZeroDivisionError", "Try C."),
        (2, "search_not_found", "no such lines", ""),
        (1, "worse", "0.5 after 1.0. too wide", "Try A."),
    ]
    assert [failure.step for failure in memory.failures(4)] == [5]
    assert memory.failures(7) == []


def test_a_child_that_trades_objectives_is_no_failure() -> None:
    memory = Memory()
    told(memory, 0, 0, (1.0, 1.0), operator="seed")
    told(memory, 1, 0, (2.0, 0.0))
    assert memory.failures(0) == []


@pytest.mark.parametrize("cause", ["lesson", "model_error"])
def test_what_says_nothing_of_the_parent_is_left_out(cause: str) -> None:
    memory = seeded()
    told(memory, 1, 0, cause=cause, detail="x")
    told(memory, 2, 0, outcome=Outcome.INFRASTRUCTURE)
    assert memory.failures(0) == [] and memory.digest() == Digest([], [], ())


def test_only_the_latest_failures_and_parents_are_kept() -> None:
    memory = seeded(max_failures=2, max_parents=3)
    for step in range(1, 6):
        told(memory, step, 0, cause="no_code", detail=str(step))
    assert [failure.step for failure in memory.failures(0)] == [5, 4]
    for parent in (1, 2, 3):
        told(memory, 10 + parent, parent, cause="no_code", detail="x")
    assert memory.failures(0) == [] and memory.failures(3)


def test_the_lineage_is_told_from_the_oldest_to_the_latest_change() -> None:
    memory = seeded(max_changes=3)
    for step in range(1, 6):
        told(memory, step, step - 1, (1.0 + step,), summary=f"Change {step}.")
    assert memory.lineage(5) == [
        Change(3, "Change 3.", (3.0,), (4.0,)),
        Change(4, "Change 4.", (4.0,), (5.0,)),
        Change(5, "Change 5.", (5.0,), (6.0,)),
    ]
    assert memory.lineage(0) == [] == memory.lineage(99)


def test_edits_without_words_are_one_change() -> None:
    memory = seeded()
    told(memory, 1, 0, (2.0,), summary="Grid.")
    told(memory, 2, 1, (3.0,), operator="tune")
    told(memory, 3, 2, (2.5,), operator="syntax")
    told(memory, 4, 3, (4.0,), operator="tune")
    told(memory, 5, 4, (5.0,), summary="Hexagons.")
    told(memory, 6, 5, (6.0,), operator="tune")
    assert memory.lineage(6) == [
        Change(1, "Grid.", (1.0,), (2.0,)),
        Change(4, "tune and syntax, 3 edits", (2.0,), (4.0,)),
        Change(5, "Hexagons.", (4.0,), (5.0,)),
        Change(6, "tune", (5.0,), (6.0,)),
    ]


def test_a_digest_has_what_helped_and_different_causes_of_failure() -> None:
    memory = seeded()
    for step in range(1, 9):
        told(memory, step, 0, cause="no_code", detail=str(step))
    told(memory, 9, 0, outcome=Outcome.TIMED_OUT)
    for step in range(10, 14):
        told(memory, step, 0, cause="no_code", detail=str(step))
    told(memory, 14, 0, (3.0,), summary="Better.")
    digest = memory.digest(failures=3)
    assert digest.changes == [Change(14, "Better.", (1.0,), (3.0,))]
    assert [failure.step for failure in digest.failures] == [13, 12, 9]


@given(st.text(max_size=3000), st.text(max_size=3000))
@settings(max_examples=40, deadline=None)
def test_texts_of_any_kind_and_length_become_short_lines(feedback: str, summary: str) -> None:
    memory = seeded()
    told(memory, 1, 0, (0.0,), feedback=feedback, summary=summary)
    (failure,) = memory.failures(0)
    assert len(failure.detail) <= 240 and len(failure.summary) <= 160
    assert len(failure.detail.splitlines()) <= 1 and len(failure.summary.splitlines()) <= 1


def test_memory_is_bounded_by_the_number_of_programs() -> None:
    memory = seeded()
    steps = 3000
    for step in range(1, steps):
        good = step % 3 == 0
        text = f"{step} " * 400
        told(
            memory,
            step,
            step // 3 * 3 - 3 if step > 3 else 0,
            (float(step),) if good else (0.0,),
            feedback=text,
            summary=text,
        )
    kept = [memory._origins, *memory._origins.values(), memory._failures, *memory._failures.values()]
    texts = [origin.summary for origin in memory._origins.values()]
    failures = [failure for several in memory._failures.values() for failure in several]
    texts += [text for failure in failures for text in (failure.detail, failure.summary)]
    assert sum(map(sys.getsizeof, [*kept, *failures, *texts])) / steps < 2048


def test_a_summary_that_is_no_text_is_none() -> None:
    memory = seeded()
    scored = Scored(1, 0, (0,), "diff", Outcome.VALID, (2.0,))
    memory.observe(scored, parent=0, program=Program(1, {}, (0,), {"summary": ["x"]}))
    assert memory.lineage(1) == [Change(1, "diff", (1.0,), (2.0,))]
