from __future__ import annotations

import pytest

from evolve.bench.decisions import CONTROLLER, FOR_ALL, SPECIAL, Setting, World, deciders, everybody, measured
from evolve.domain.proposal import REPEATS, Choice, Selected

TWO_GOALS, INSTANCES = SPECIAL


def test_everybody_is_every_preset_and_the_controller() -> None:
    assert {"portfolio", "greedy", "nsga2", CONTROLLER} <= set(everybody())


@pytest.mark.parametrize(("name", "setting"), [("portfolio", TWO_GOALS), ("gepa", INSTANCES), (CONTROLLER, FOR_ALL)])
def test_a_decider_that_is_told_the_same_again_knows_the_same(name: str, setting: Setting) -> None:
    problem, make = deciders(name, setting)
    world = World(problem, INSTANCES.instances, 200)
    live, told = make(), [Selected(0, Choice(0, (), 0), "seed", 0)]
    live.telling(world.ended(told[0]))()
    for step in range(1, 201):
        selected = live.next(step)
        world.try_(step, selected.choice.parent)
        live.telling(world.ended(selected))()
        told.append(selected)
    again = make()
    for selected in told:
        again.telling(world.ended(selected))()
    assert again.search.status() == live.search.status()
    assert [member.step for member in again.search.front()] == [member.step for member in live.search.front()]
    assert any(selected.operator in REPEATS for selected in told)


def test_records_fall_and_a_fifth_of_the_attempts_fails() -> None:
    problem, make = deciders("greedy", FOR_ALL)
    world, decider = World(problem, 0, 400), make()
    decider.telling(world.ended(Selected(0, Choice(0, (), 0), "seed", 0)))()
    first = decider.search.best()
    for step in range(1, 401):
        selected = decider.next(step)
        world.try_(step, selected.choice.parent)
        decider.telling(world.ended(selected))()
    best = decider.search.best()
    assert first is not None and best is not None and best.gains > first.gains
    assert 40 < decider.search.status()["failed"] < 130


def test_totals_are_taken_once_and_memory_is_what_the_decider_holds() -> None:
    rows = list(measured("random", FOR_ALL, 1500))
    assert [row.programs for row in rows] == [1000, 1500]
    assert rows[0].rebuild_s is None and rows[1].rebuild_s is not None
    assert rows[1].bytes_per_program is not None and 8 <= rows[1].bytes_per_program < 200  # it keeps 8 of each
    assert 0 < rows[1].median_ms <= rows[1].p95_ms
