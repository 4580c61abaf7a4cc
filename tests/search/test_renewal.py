from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.errors import ConfigurationError
from evolve.search.renewal import Islander, Renewal, Restart, Spawn, WorseHalf


def islands(gains: Sequence[float], stagnation: Sequence[int] | None = None) -> list[Islander]:
    waits = stagnation or [0] * len(gains)
    return [
        Islander(Scored(step, step, (), "test", Outcome.VALID, (gain,)), wait)
        for step, (gain, wait) in enumerate(zip(gains, waits, strict=True))
    ]


def founded(rule: Renewal, known: Sequence[Islander], attempts: int, idle: int = 0) -> dict[int, float]:
    return {item.island: item.founder.gains[0] for item in rule.due(attempts, idle, known)}


def test_the_worse_half_restarts_from_survivors() -> None:
    known = islands([3.0, 1.0, 5.0, 2.0, 4.0])
    assert founded(WorseHalf(every=100), known, 99) == {}
    seen: Counter[float] = Counter()
    for time in range(1, 200):
        new = founded(WorseHalf(every=100), known, 100 * time)
        assert set(new) == {1, 3}
        seen.update(new.values())
    assert set(seen) == {3.0, 4.0, 5.0}
    assert min(seen.values()) > 90


def test_a_single_island_is_never_emptied_by_the_worse_half() -> None:
    assert founded(WorseHalf(every=1), islands([1.0]), 1) == {}


def test_standing_still_brings_a_new_island_until_there_are_enough_then_the_worst_goes() -> None:
    rule = Spawn(patience=10, most=3)
    assert founded(rule, islands([2.0, 5.0]), 50, idle=9) == {}
    assert founded(rule, islands([2.0, 5.0]), 50, idle=10) == {2: 5.0}
    assert founded(rule, islands([2.0, 5.0]), 50, idle=11) == {}
    assert founded(rule, islands([2.0, 1.0, 5.0]), 60, idle=20) == {1: 5.0}
    assert founded(rule, islands([2.0, 5.0]), 50, idle=0) == {}


def test_islands_restart_when_their_patience_ends_but_not_the_best() -> None:
    known = islands([2.0, 5.0, 3.0], [40, 90, 39])
    assert founded(Restart(patience=40), known, 7) == {0: 5.0}


@pytest.mark.parametrize(
    "make",
    [lambda: WorseHalf(every=0), lambda: Spawn(patience=0, most=1), lambda: Spawn(patience=1, most=0),
     lambda: Restart(patience=0)],
)  # fmt: skip
def test_impossible_settings_are_refused(make: Callable[[], Renewal]) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        make()
