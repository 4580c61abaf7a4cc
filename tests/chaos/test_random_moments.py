"""Kill -9 of controllers and of the processes that judge, at random moments of a run."""

from __future__ import annotations

import os

import numpy as np

from tests.chaos.campaign import CONTROLLER, PROCESSES, Kill, Life, Tally, live, planned
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene

LONGEST_DELAY_S = 0.3


def test_nothing_is_lost_or_done_again_whatever_process_is_killed_whenever(nursery: Nursery, scene: Scene) -> None:
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    targets = [CONTROLLER, *PROCESSES, CONTROLLER, CONTROLLER]
    kills = [Kill(target, delay_s=float(rng.uniform(0.0, LONGEST_DELAY_S))) for target in targets]
    assert nursery.start(*scene.run(3), "--quiet").wait() == 0
    tally = Tally()
    live(Life(scene, nursery), kills, tally)
    assert tally.complaints == {}
    assert tally.kills.total() == len(targets)
    assert tally.evaluations > 2 * len(targets)


def test_a_plan_has_as_many_kills_as_were_asked_for_and_each_transition() -> None:
    plan = [kill for life in planned(200, np.random.default_rng(0), database=True) for kill in life]
    assert len(plan) == 200
    moments = {kill.moment for kill in plan if kill.moment is not None}
    assert {moment.kind for moment in moments} >= {"selected", "completed", "placed", "sealed", "run created"}
    assert {kill.target for kill in plan} == {CONTROLLER, *PROCESSES, "database server"}
