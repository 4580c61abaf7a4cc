from __future__ import annotations

from dataclasses import replace

import pytest

from evolve.controller import exhibits as module
from evolve.controller.exhibits import Exhibits, scored
from evolve.controller.run import start_run
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Constraint, Direction, Objective
from evolve.domain.problem import Problem
from evolve.domain.program import automatic_features
from evolve.domain.shape import shape
from evolve.errors import StoreError
from tests.controller.controller_support import Nudge, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore


def verdict(outcome: Outcome) -> Evaluation:
    return Evaluation("full", outcome, "h", metrics={"value": 2.0, "program_lines": 3.0})


def test_only_valid_attempts_carry_numbers(problem: Problem) -> None:
    for outcome in Outcome:
        known = scored(
            problem, step=1, island=2, operator="o", program=problem.seed(), evaluation=verdict(outcome), cost_usd=0.5
        )
        assert (known.outcome, known.island, known.cost_usd) == (outcome, 2, 0.5)
        assert (known.gains, known.features) == (((2.0,), (3.0,)) if outcome is Outcome.VALID else ((), ()))


def test_numbers_for_the_search_come_from_the_record(problem: Problem) -> None:
    goals = (Objective("error", Direction.MINIMIZE, reference=9.0), Objective("value", Direction.MAXIMIZE))
    bounded = replace(problem, objectives=goals, constraints=(Constraint("value", at_least=4.0),))
    metrics = {"value": 2.0, "error": 0.5, **automatic_features(problem.seed().files)}
    judged = Evaluation("full", Outcome.VALID, "h", metrics=metrics, per_instance={"a": 3.0})
    seed, child = (
        scored(bounded, step=step, island=0, operator="o", program=problem.seed(), evaluation=judged) for step in (0, 1)
    )
    assert (child.gains, child.violation) == ((-0.5, 2.0), 0.5)
    assert child.per_instance == {"a": -3.0}, "on the first objective's scale, higher is better"
    assert child.shape == shape(problem.seed().files)
    assert (seed.reference, child.reference) == ((-9.0, 2.0), ())


def test_an_older_record_has_no_shape(problem: Problem) -> None:
    known = scored(problem, step=1, island=0, operator="o", program=problem.seed(), evaluation=verdict(Outcome.VALID))
    assert known.shape == ()


def test_an_attempt_without_a_program_is_rejected(problem: Problem) -> None:
    known = scored(problem, step=1, island=0, operator="o", program=None, evaluation=None)
    assert (known.outcome, known.parents) == (Outcome.REJECTED, ())


async def test_what_left_the_cache_is_read_again(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeptStore()
    await start_run(make_parts(problem, store, [Nudge()], evaluations=8), run_info(problem), no_view)
    monkeypatch.setattr(module, "_KEPT", 2)
    cache = Exhibits(store, "r", problem)
    valid = [a.selected.step for a in store.history("r") if a.finished.outcome is Outcome.VALID]
    for step in valid * 2:
        shown = cache.get(step, island=3)
        assert shown.program == store.program("r", step)
        assert shown.scored.gains == (shown.evaluation.metrics["value"],)
        assert shown.evaluation.stage == "full"
    assert cache.get(valid[-1], 3) is cache.get(valid[-1], 3)


async def test_a_program_that_was_never_judged_cannot_be_shown(problem: Problem) -> None:
    store = KeptStore()
    parts = make_parts(problem, store, [Nudge(hopeless=True)], stall=2)
    await start_run(parts, run_info(problem), no_view)
    with pytest.raises(StoreError, match="program 1"):
        Exhibits(store, "r", problem).get(1, 0)
