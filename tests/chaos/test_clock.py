"""The wall clock jumps while a run is worked on, forward by a day and back by two.

What is passed to the store is a clock that jumps; the time that waits and limits go by never does.
"""

from __future__ import annotations

import signal

from tests.chaos.campaign import PLENTY
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene
from tests.chaos.stopping import Moment, When

DAY_S = 86_400.0
JUMPS = ((20, DAY_S), (40, -2 * DAY_S), (60, DAY_S))


def test_nothing_is_lost_or_done_again_when_the_clock_jumps(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    assert nursery.start(*scene.run(30), url=scene.url, jumps=JUMPS).wait() == 0
    sight = ledger.at_the_end()
    assert ledger.complaints == []
    assert sight.finished >= 30


def test_a_controller_that_died_when_its_clock_was_ahead_keeps_nobody_out(nursery: Nursery, scene: Scene) -> None:
    ledger = scene.ledger()
    assert nursery.start(*scene.run(3), "--quiet").wait() == 0
    for jump_s in (DAY_S, -DAY_S):
        ahead = nursery.start(
            "resume", f"budget.evaluations={PLENTY}",
            url=scene.url, moment=Moment("placed", When.AFTER, nth=2), jumps=((0, jump_s),),
        )  # fmt: skip
        assert ahead.wait() == -signal.SIGKILL, ahead.said()
        ledger.after_kill()
    assert nursery.start(*scene.resume(ledger.last.finished + 4)).wait() == 0
    ledger.at_the_end()
    assert ledger.complaints == []
