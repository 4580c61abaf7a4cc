"""A controller that is killed at every transition of the record."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.campaign import BIRTHS, ENDS, PLENTY, TRANSITIONS
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene
from tests.chaos.stopping import Moment, When
from tests.chaos.witness import Ledger

STEP = 3
HALF_WRITTEN = ("selected", "completed", "applied", "evaluated(full)", "placed", "order taken", "sealed")
"""Transitions that are met once more, with their rows written and not committed; ``make chaos`` does so with all."""


def killed_at(nursery: Nursery, scene: Scene, moment: Moment, budget: int) -> None:
    """Resume, or begin, until the moment comes."""
    arguments = ("resume", f"budget.evaluations={budget}") if scene.begun() else scene.run(budget)
    controller = nursery.start(*arguments, url=scene.url, moment=moment)
    assert controller.wait() == -signal.SIGKILL, f"{moment}: {controller.said()}"


def finished(nursery: Nursery, scene: Scene, ledger: Ledger) -> None:
    """Resume as a person does, to the end; then nothing may be wrong."""
    budget = ledger.last.finished + STEP
    controller = nursery.start(*scene.resume(budget))
    assert controller.wait() == 0, controller.said()
    sight = ledger.at_the_end()
    assert ledger.complaints == []
    assert sight.finished >= budget and not sight.blamed


@pytest.mark.parametrize("kind", BIRTHS)
def test_a_run_that_was_killed_while_it_began_can_be_resumed(nursery: Nursery, scene: Scene, kind: str) -> None:
    ledger = scene.ledger()
    for when in (When.WITHIN, When.AFTER):
        killed_at(nursery, scene, Moment(kind, when), STEP)
        ledger.after_kill()
        if scene.begun():
            break
    finished(nursery, scene, ledger)


def test_nothing_is_lost_or_done_again_whatever_transition_a_kill_meets(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    assert nursery.start(*scene.run(STEP), "--quiet").wait() == 0
    for kind in TRANSITIONS:
        for when in (When.WITHIN, When.AFTER) if kind in HALF_WRITTEN else (When.AFTER,):
            if kind == "order taken":
                scene.order()
            killed_at(nursery, scene, Moment(kind, when), PLENTY)
            ledger.after_kill()
            assert ledger.complaints == [], f"{when} {kind}"
    finished(nursery, scene, ledger)


def test_nothing_is_lost_or_done_again_when_a_kill_meets_the_end_of_a_run(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    assert nursery.start(*scene.run(STEP), "--quiet").wait() == 0
    for kind in ENDS:
        for when in (When.WITHIN, When.AFTER) if kind in HALF_WRITTEN else (When.AFTER,):
            killed_at(nursery, scene, Moment(kind, when), ledger.last.finished + 2 * STEP)
            ledger.after_kill()
            assert ledger.complaints == [], f"{when} {kind}"
    finished(nursery, scene, ledger)
