"""Follows the record of a run and tells a tracker what is new.

The tracker has a thread and a store connection of its own and reads at its own pace: a run hands nothing over and waits
for nobody. A tracker that is slow lags behind, one that fails is begun again, one that hangs is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from evolve.domain.questions import AttemptRow, Page
from evolve.interfaces import RunInfo, Store, Told, Totals, Tracker
from evolve.tracking.totals import after_attempt, after_row

_log = logging.getLogger("evolve.tracking")
_LOOK_EVERY_S = 1.0
_AT_ONCE = 100
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_PATIENCE_S = 30.0


def send(tracker: Tracker, store: Store, run: str, *, already: int = 0, over: Callable[[], bool] = lambda: True) -> int:
    """Tell a tracker what it lacks of a run until it is ``over`` and everything was told; return how many attempts.

    Without ``over``, what is on record now. Raises what the tracker raises.
    """
    info = store.run(run)
    begun = tracker.begin(info, already)
    told = begun
    try:
        totals = Totals()
        for attempt in islice(store.history(run), told):
            totals = after_attempt(totals, attempt, info.objectives)
        while True:
            last = over()  # asked first, so that nothing is written between the last look and the end
            for batch in _batches(store, info, told, totals):
                tracker.tell(batch)
                told, totals = told + len(batch), batch[-1].totals
            if last:
                tracker.end(store.run(run))
                return told - begun
    finally:
        tracker.close()


def _batches(store: Store, info: RunInfo, told: int, totals: Totals) -> Iterator[list[Told]]:
    """Yield finished attempts from one on, some at a time."""
    while rows := store.questions().page(info.id, Page(skip=told, limit=_AT_ONCE, reverse=True)):
        batch = []
        for row in rows:
            batch.append(_told(store, info, row, totals))
            totals = batch[-1].totals
        told += len(batch)
        yield batch


def _told(store: Store, info: RunInfo, row: AttemptRow, before: Totals) -> Told:
    entries = tuple(store.entries(info.id, range(row.step, row.step + 1)))
    return Told(row, entries, after_row(before, row, entries, info.objectives))


class Follower:
    """A tracker with its thread.

    Args:
        name: of the tracker, for people.
        tracker: what is told.
        open_store: opens a connection for the thread.
        run: its id.
        already: how many attempts had finished when this session of the run began.
        say: gets what failed, once.
    """

    def __init__(
        self,
        name: str,
        tracker: Tracker,
        *,
        open_store: Callable[[], Store],
        run: str,
        already: int,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        self.name = name
        self._tracker = tracker
        self._open_store = open_store
        self._run = run
        self._already = already
        self._say = say
        self._over = threading.Event()
        self._failed = False
        self._complete = False
        self._thread = threading.Thread(target=self._work, name=f"tracker {name}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def finish(self) -> None:
        """The run is over: tell what is missing and end. Returns at once."""
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of it, not longer than given; return whether everything was told."""
        self._thread.join(seconds)
        return self._complete

    def _work(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._complete:
            last = self._over.is_set()
            try:
                self._follow()
                self._complete = True
            except Exception as error:  # noqa: BLE001 - the run goes on, whatever goes wrong in another system
                self._note(error)
                if last:
                    return
                self._over.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _follow(self) -> None:
        with contextlib.closing(self._open_store()) as store:
            send(self._tracker, store, self._run, already=self._already, over=self._look_again)

    def _look_again(self) -> bool:
        """Wait a little between two looks; return whether the run is over."""
        return self._over.wait(_LOOK_EVERY_S)

    def _note(self, error: Exception) -> None:
        if not self._failed:
            self._failed = True
            self._say(
                f"tracker={self.name}: {type(error).__name__}: {error}\n"
                "The run goes on without it; it is tried again from time to time."
            )


class Followers:
    """The trackers of a run. ``close`` may wait for them, all together not longer than ``patience_s``."""

    def __init__(
        self,
        trackers: Mapping[str, Tracker],
        *,
        open_store: Callable[[], Store],
        run: str,
        already: int,
        patience_s: float = _PATIENCE_S,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        self._run = run
        self._patience_s = patience_s
        self._say = say
        self._followers = [
            Follower(name, tracker, open_store=open_store, run=run, already=already, say=say)
            for name, tracker in trackers.items()
        ]

    def start(self) -> None:
        """Begin to follow."""
        for follower in self._followers:
            follower.start()

    def close(self) -> None:
        """The run is over: have trackers take in what they lack; say which did not."""
        for follower in self._followers:
            follower.finish()
        deadline = time.monotonic() + self._patience_s
        for follower in self._followers:
            if not follower.wait(max(0.0, deadline - time.monotonic())):
                self._say(
                    f"tracker={follower.name} has not got everything of run {self._run!r}. Send it the rest: "
                    f"evolve track {self._run} --tracker {follower.name}"
                )
