"""Kills by the hundred: what is killed, when, and what is looked at afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from evolve.domain.evaluation import Outcome
from tests.chaos.controllers import Controller, Nursery
from tests.chaos.scene import Scene
from tests.chaos.stopping import Moment, When
from tests.postgres import Server

BIRTHS = ("run created", "lease taken", "evaluated(quick)")
"""What is written before the loop begins; ``evaluated`` is of the seed here."""
TRANSITIONS = (
    *("selected", "prompted", "sent", "answered", "reasked", "validated", "completed", "applied"),
    *("evaluated(quick)", "evaluated(full)", "placed", "order taken", "lease taken", "lease renewed"),
)
ENDS = ("stopped", "evaluated(sealed)", "sealed", "lease given back")
"""What is written when the budget is used."""
CONTROLLER, DATABASE = "controller", "database server"
PROCESSES = ("slot", "judge", "supervisor", "candidate")
KILLS_OF_A_LIFE = 10
_STEP = 4
PLENTY = 100_000
_LONGEST_DELAY_S = 0.4
_SETTLE_S = 0.06
_GONE_S = 20.0
_AT_ONCE = 130
"""Exit status of a controller that is interrupted while its store is away."""


@dataclass(frozen=True, slots=True)
class Kill:
    """What is killed: a controller at a ``moment``, or anything at some time after it is at work."""

    target: str
    moment: Moment | None = None
    delay_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.target}, {self.moment}" if self.moment else self.target


def planned(count: int, rng: np.random.Generator, *, database: bool) -> list[list[Kill]]:
    """Return ``count`` kills, life by life: every transition in turn, the rest at random moments."""
    moments = [Moment(kind, when) for kind in (*TRANSITIONS, *ENDS) for when in When]
    at_moments = [Kill(CONTROLLER, moments[index]) for index in rng.permutation(len(moments))]
    others = [CONTROLLER, CONTROLLER, CONTROLLER, *PROCESSES, *([DATABASE, DATABASE] if database else [])]
    births = [Moment(kind, when) for kind in BIRTHS for when in When]
    lives = []
    for life in range(-(-count // KILLS_OF_A_LIFE)):
        size = min(KILLS_OF_A_LIFE, count - life * KILLS_OF_A_LIFE)
        kills = [Kill(CONTROLLER, births[life % len(births)])]
        for number in range(size - 1):
            if number % 2 == 0 and at_moments:
                kills.append(at_moments.pop())
            else:
                target = others[int(rng.integers(len(others)))]
                kills.append(Kill(target, delay_s=float(rng.uniform(0.0, _LONGEST_DELAY_S))))
        lives.append(kills)
    return lives


@dataclass
class Tally:
    """What came of the kills, by what was killed."""

    kills: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    complaints: dict[str, list[str]] = field(default_factory=dict)
    evaluations: int = 0
    answers: int = 0
    lost_answers: int = 0
    crashes: int = 0

    def add(self, name: str, complaints: Sequence[str]) -> None:
        """Note complaints, if there are any."""
        if complaints:
            self.complaints.setdefault(name, []).extend(complaints)


class Life:
    """One run, from its first controller to the last, and the kills between.

    Args:
        scene: the run.
        nursery: who starts controllers.
        server: the database server of the scene's store, if it has one.
    """

    def __init__(self, scene: Scene, nursery: Nursery, server: Server | None = None) -> None:
        self.ledger = scene.ledger()
        self._scene, self._nursery, self._server = scene, nursery, server
        self._witness = scene.witness()
        self._budget = 0
        self._killed: list[int] = []
        self._candidates_killed = 0

    def suffer(self, kill: Kill) -> bool:
        """Start what is needed, kill, and look; return whether the moment came."""
        self._budget += _STEP
        if not (kill.moment is not None and kill.moment.kind in BIRTHS) and not self._scene.begun():
            self._bring_into_being()
        if kill.moment is not None:
            came = self._die_at(kill.moment)
        elif kill.target == CONTROLLER:
            came = self._die_sometime(kill.delay_s)
        elif kill.target == DATABASE:
            came = self._without_database(kill.delay_s)
        else:
            came = self._without_process(kill.target, kill.delay_s)
        time.sleep(_SETTLE_S)  # answers on their way to the dead are given by now
        self.ledger.after_kill()
        self._look_for_the_living()
        return came

    def end(self) -> None:
        """Resume as a person does, to the end of the budget."""
        self._budget = self.ledger.last.finished + 2 * _STEP
        controller = self._nursery.start(*self._scene.resume(self._budget))
        if controller.wait() != 0:
            self.ledger.complaints.append(f"the last controller ended with {controller.status}: {controller.said()}")
            return
        sight = self.ledger.at_the_end()
        if sight.blamed.total() > sight.blamed[Outcome.CRASHED] or sight.blamed.total() > self._candidates_killed:
            self.ledger.complaints.append(f"honest programs are blamed: {dict(sight.blamed)}")

    def _bring_into_being(self) -> None:
        """Have a controller begin the run, which the one that was killed did not, and end that."""
        controller = self._nursery.start(*self._scene.run(PLENTY))
        controller.until(self._scene.begun)
        controller.interrupt()

    def _die_at(self, moment: Moment) -> bool:
        if moment.kind == "order taken":
            self._scene.order()
        budget = self._budget if moment.kind in ENDS else PLENTY
        controller = self._nursery.start(*self._arguments(budget), url=self._scene.url, moment=moment)
        self._killed.append(controller.pid)
        return controller.wait() == -signal.SIGKILL

    def _arguments(self, budget: int) -> tuple[str, ...]:
        if not self._scene.begun():
            return self._scene.run(budget)
        budget = max(budget, self.ledger.last.finished + _STEP)
        return "resume", f"budget.evaluations={budget}"

    def _die_sometime(self, delay_s: float) -> bool:
        controller = self._at_work()
        time.sleep(delay_s)
        return controller.kill() == -signal.SIGKILL

    def _without_process(self, role: str, delay_s: float) -> bool:
        controller = self._at_work()
        time.sleep(delay_s)
        found: dict[str, int] = {}

        def there() -> bool:
            found.update(controller.processes())
            return role in found

        came = controller.until(there)
        if came:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found[role], signal.SIGKILL)
            self._candidates_killed += role == "candidate"
        return self._goes_on(controller) and came

    def _without_database(self, delay_s: float) -> bool:
        assert self._server is not None
        controller = self._at_work()
        time.sleep(delay_s)
        self._server.kill()
        self._server.start()
        if not controller.until(self._progress()):
            return controller.status == 1  # it stopped with a message; what it wrote is kept
        return self._stopped(controller, (0, _AT_ONCE))  # it may not have noticed yet that the server is there again

    def _at_work(self) -> Controller:
        """Return a controller that has judged something."""
        controller = self._nursery.start(*self._scene.resume(PLENTY))
        self._killed.append(controller.pid)
        if not controller.until(self._progress()):
            self.ledger.complaints.append(f"a controller ended with {controller.status}: {controller.said()}")
        return controller

    def _progress(self) -> Callable[[], bool]:
        before = self._witness.judged()
        return lambda: self._witness.judged() > before + 2

    def _goes_on(self, controller: Controller) -> bool:
        if not controller.until(self._progress()):
            self.ledger.complaints.append(f"the controller did not survive: {controller.said()}")
            return False
        return self._stopped(controller)

    def _stopped(self, controller: Controller, expected: Sequence[int] = (0,)) -> bool:
        status = controller.interrupt()
        if status not in expected:
            self.ledger.complaints.append(f"the controller stopped with {status}: {controller.said()}")
        return status in expected

    def _look_for_the_living(self) -> None:
        """Nothing of a controller that is gone may be at work for long."""
        deadline = time.monotonic() + _GONE_S
        while left := [pid for host in self._killed for pid in slots_of(host)]:
            if time.monotonic() > deadline:
                self.ledger.complaints.append(f"processes outlive their controller: {left}")
                return
            time.sleep(0.05)
        self._killed.clear()


def slots_of(host: int) -> Iterator[int]:
    """Yield the processes of sandboxes that were started by a controller, which need not live any more."""
    wanted = str(host).encode()
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if any(word.endswith(b"evaluators/__main__.py") for word in words) and wanted in words:
            yield int(entry.name)


def live(life: Life, kills: Sequence[Kill], tally: Tally) -> None:
    """Have a run suffer its kills and end; note what came of it."""
    for kill in kills:
        before = len(life.ledger.complaints)
        came = life.suffer(kill)
        tally.kills[str(kill)] += came
        tally.missed[str(kill)] += not came
        tally.add(str(kill), life.ledger.complaints[before:])
    before = len(life.ledger.complaints)
    life.end()
    tally.add(f"the end of a run with {len(kills)} kills", life.ledger.complaints[before:])
    sight = life.ledger.last
    tally.evaluations += sight.evaluated.total()
    tally.answers += sight.answered.total()
    tally.lost_answers += life.ledger.lost
    tally.crashes += sight.blamed.total()
