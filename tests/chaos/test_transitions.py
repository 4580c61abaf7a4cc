"""A controller that is killed at every transition of the record, within and after the write of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene, staged
from tests.chaos.stopping import Moment, When
from tests.chaos.witness import Ledger

BIRTHS = ("run created", "lease taken", "evaluated(quick)")
"""What is written before the loop begins; ``evaluated`` is of the seed here."""
TRANSITIONS = (
    *("selected", "prompted", "sent", "answered", "reasked", "validated", "completed", "applied"),
    *("evaluated(quick)", "evaluated(full)", "placed", "order taken", "lease taken"),
)
ENDS = ("stopped", "evaluated(sealed)", "sealed", "lease given back")
"""What is written when the budget is used."""
STEP = 3
MOMENTS = (When.WITHIN, When.AFTER)
"""Before a write the record is what it is again when the write is undone; ``make chaos`` does that as well."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with staged(tmp_path) as scene:
        yield scene


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    with Nursery(tmp_path) as nursery:
        yield nursery


def killed_at(nursery: Nursery, scene: Scene, moment: Moment, budget: int) -> None:
    """Resume, or begin, until the moment comes."""
    arguments = ("resume", f"budget.evaluations={budget}") if scene.begun() else scene.run(budget)
    controller = nursery.start(*arguments, url=scene.url, moment=moment)
    assert controller.wait() == -signal.SIGKILL, f"{moment}: {controller.said()}"


def finished(nursery: Nursery, scene: Scene, ledger: Ledger, budget: int) -> None:
    """Resume as a person does, to the end; then nothing may be wrong."""
    controller = nursery.start(*scene.resume(budget))
    assert controller.wait() == 0, controller.said()
    sight = ledger.at_the_end()
    assert ledger.complaints == []
    assert sight.finished >= budget and not sight.blamed


@pytest.mark.parametrize("kind", BIRTHS)
def test_a_run_that_was_killed_while_it_began_can_be_resumed(nursery: Nursery, scene: Scene, kind: str) -> None:
    ledger = scene.ledger()
    for when in MOMENTS:
        killed_at(nursery, scene, Moment(kind, when), 4)
        ledger.after_kill()
        if scene.begun():
            break
    finished(nursery, scene, ledger, 4)


def test_nothing_is_lost_or_done_again_whatever_transition_a_kill_meets(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    assert nursery.start(*scene.run(4), "--quiet").wait() == 0
    budget = 4
    for kind in TRANSITIONS:
        for when in MOMENTS:
            budget += STEP
            if kind == "order taken":
                scene.order()
            killed_at(nursery, scene, Moment(kind, when), budget)
            ledger.after_kill()
            assert ledger.complaints == [], f"{when} {kind}"
    finished(nursery, scene, ledger, budget + STEP)


def test_nothing_is_lost_or_done_again_when_a_kill_meets_the_end_of_a_run(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    budget = 3
    assert nursery.start(*scene.run(budget), "--quiet").wait() == 0
    for kind in ENDS:
        for when in MOMENTS:
            budget += STEP
            killed_at(nursery, scene, Moment(kind, when), budget)
            ledger.after_kill()
            assert ledger.complaints == [], f"{when} {kind}"
    finished(nursery, scene, ledger, budget + STEP)
