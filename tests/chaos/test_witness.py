"""The ledger complains of what it is there to find, and of nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.chaos.witness import Ledger, Sight


@dataclass
class Scripted:
    """Sees what it is told to see."""

    sights: Sequence[Sight]
    found: Sequence[str] = ()
    looks: int = field(default=0)

    def look(self) -> Sight:
        """Return the next sight."""
        self.looks += 1
        return self.sights[self.looks - 1]

    def findings(self) -> list[str]:
        """Return what is found in the end."""
        return list(self.found)


def seen(
    billed: str = "", answered: str = "", waiting: str = "", judged: Sequence[str] = (), evaluated: Sequence[str] = ()
) -> Sight:
    """Return a sight of calls named by letters, and of verdicts."""
    return Sight(
        billed=Counter(billed),
        answered=Counter(answered),
        open=Counter(waiting),
        judged=Counter(("full", name) for name in judged),
        evaluated=Counter(("full", name) for name in evaluated),
    )


CALM = (
    (seen(), seen("a", "a")),
    (seen("a", "a"), seen("ab", "a", "b")),
    (seen("a", "a"), seen("abb", "a", "b")),
    (seen("a", "a"), seen("aa", "a", "a")),
    (seen(judged=["p"]), seen(judged=["p", "p"], evaluated=["p"])),
)
ALARMING = (
    ("paid answers on record were lost", seen("a", "a"), seen("a", "", "a")),
    ("paid again for a", seen("a", "a"), seen("aa", "a")),
    ("billed and not on record", seen(), seen("a")),
    ("billed and not on record", seen(), seen("aaa", "", "a")),
    ("evaluations on record were lost", seen(judged=["p"], evaluated=["p"]), seen(judged=["p"])),
    ("judged again although on record", seen(judged=["p"], evaluated=["p"]), seen(judged="pp", evaluated=["p"])),
)


@pytest.mark.parametrize(("before", "after"), CALM)
def test_what_a_kill_may_take_is_no_complaint(before: Sight, after: Sight) -> None:
    ledger = Ledger(Scripted([before, after]))
    ledger.after_kill()
    ledger.after_kill()
    assert ledger.complaints == []


@pytest.mark.parametrize(("words", "before", "after"), ALARMING)
def test_what_a_kill_may_not_take_is_a_complaint(words: str, before: Sight, after: Sight) -> None:
    ledger = Ledger(Scripted([before, after]))
    ledger.after_kill()
    assert ledger.complaints == []
    ledger.after_kill()
    assert any(words in complaint for complaint in ledger.complaints)


@pytest.mark.parametrize(
    ("words", "sight"),
    [
        ("billed and not on record", seen("a")),
        ("never billed", seen("", "a")),
        ("calls are open", seen("", "", "a")),
        ("recorded more than once", seen(judged="pp", evaluated="pp")),
    ],
)
def test_the_end_of_a_run_leaves_nothing_open(words: str, sight: Sight) -> None:
    ledger = Ledger(Scripted([sight]))
    ledger.at_the_end()
    assert any(words in complaint for complaint in ledger.complaints)


def test_what_the_checker_finds_is_a_complaint() -> None:
    ledger = Ledger(Scripted([seen("a", "a")], found=["steps: step 3: expected the step before it, found a gap"]))
    ledger.at_the_end()
    assert ledger.complaints == ["steps: step 3: expected the step before it, found a gap"]
