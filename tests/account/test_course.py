"""How a run went, from hand-made attempts: when the best got better, and what came of whom."""

from __future__ import annotations

from pathlib import Path

from evolve.account.course import GATE, course
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.domain.proposal import RESCORE, Attempt, Choice, Finished, Placement, Selected, Usage
from tests.controller.controller_support import write_problem


def _attempt(
    step: int, value: float | None, *, operator: str = "syntax", cause: str = "", usage: Usage | None = None
) -> Attempt:
    """Return attempt ``step`` that scored ``value``, or was rejected with ``cause``."""
    evaluation = (
        None
        if value is None
        else Evaluation("full", Outcome.VALID, "judge", metrics={"value": value, "program_lines": 3.0})
    )
    outcome = Outcome.REJECTED if value is None else Outcome.VALID
    placed = Placement.NEW if value is not None and value > 1 else Placement.NOT_PLACED
    return Attempt(
        Selected(step, Choice(0, (), 0), operator, step, "m" if usage else ""),
        Program(step, {}, (0,), {}) if value is not None else None,
        evaluation,
        Finished(step, step, outcome, cause, "", placed),
        usage or Usage(),
        evaluation_s=0.5,
    )


def _problem(tmp_path: Path) -> Problem:
    return write_problem(tmp_path / "constant")


def test_only_better_programs_advance_and_money_is_added_up_to_them(tmp_path: Path) -> None:
    history = [
        _attempt(0, 1.0, operator="seed"),
        _attempt(1, 0.5),
        _attempt(2, 3.0, operator="diff", usage=Usage(1, 100, 0.25)),
        _attempt(3, 3.0),
        _attempt(4, 4.0),
    ]
    found = course(_problem(tmp_path), history)

    assert [(a.step, a.told, a.gains, a.cost_usd) for a in found.advances] == [
        (0, 1, (1.0,), 0.0),
        (2, 3, (3.0,), 0.25),
        (4, 5, (4.0,), 0.25),
    ]
    assert found.advances[-1].evaluation_s == 2.5
    assert [scored.step for scored in found.front] == [4]
    assert found.models["m"].tokens == 100
    assert (found.operators["syntax"].proposed, found.operators["syntax"].placed) == (3, 2)


def test_what_was_rejected_is_counted_by_cause_and_repeats_advance_nothing(tmp_path: Path) -> None:
    stopped = _attempt(3, None)
    gated = Attempt(
        stopped.selected,
        Program(3, {}, (0,), {}),
        Evaluation("quick", Outcome.REJECTED, "judge", metrics={"value": 0.1}),
        stopped.finished,
        Usage(),
    )
    history = [_attempt(0, 1.0), _attempt(1, None, cause="duplicate"), _attempt(2, 9.0, operator=RESCORE), gated]
    found = course(_problem(tmp_path), history)

    assert found.causes == {"duplicate": 1, GATE: 1}
    assert found.outcomes == {"valid": 2, "rejected": 2}
    assert (found.repeats, len(found.advances)) == (1, 1)


def test_of_many_programs_a_bounded_sample_is_kept(tmp_path: Path) -> None:
    history = (_attempt(step, 1.0 + step % 7) for step in range(9_000))
    found = course(_problem(tmp_path), history)

    assert found.thinned
    assert 1_000 < len(found.sample) <= 2_000
    assert found.sample == tuple(sorted(found.sample))
