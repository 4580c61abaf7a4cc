"""A run without a model decides alike whether it was killed or not: its record is the proof."""

from __future__ import annotations

import signal
from contextlib import closing
from dataclasses import replace

from evolve.domain.proposal import Attempt
from evolve.store.sql import SqlStore
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene
from tests.chaos.stopping import Moment, When
from tests.chaos.witness import RUN

BUDGET = 40
KILLS = (
    Moment("applied", When.WITHIN, nth=5),
    Moment("evaluated(full)", When.AFTER, nth=5),
    Moment("selected", When.AFTER, nth=5),
    Moment("placed", When.WITHIN, nth=5),
)


def told(scene: Scene) -> list[Attempt]:
    """Return the attempts on record, but for what took time."""
    with closing(SqlStore(scene.url)) as store:
        return [
            replace(
                attempt,
                evaluation_s=0.0,
                evaluation=replace(attempt.evaluation, seconds=0.0) if attempt.evaluation is not None else None,
            )
            for attempt in store.history(RUN)
        ]


def test_a_run_that_was_killed_has_the_history_of_one_that_was_not(nursery: Nursery, scene: Scene) -> None:
    other = replace(scene, url=scene.url.replace("e.db", "other.db"))
    assert nursery.start(*other.run(BUDGET, "llm=none"), "--quiet").wait() == 0
    arguments = scene.run(BUDGET, "llm=none")
    for moment in KILLS:
        controller = nursery.start(*arguments, url=scene.url, moment=moment)
        assert controller.wait() == -signal.SIGKILL, controller.said()
        arguments = ("resume",)
    assert nursery.start(*scene.resume(BUDGET)).wait() == 0
    assert told(scene) == told(other)
    assert scene.witness().findings() == []
