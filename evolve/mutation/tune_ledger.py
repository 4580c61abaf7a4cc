"""What a session of the tuner has heard, and the session when it is wanted."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from evolve.mutation.tune_session import Origin, Sample, Session

_UNREAD = 1000
"""Results kept unread; of 30 constants they take a third of a megabyte."""


class Ledger:
    """Notes the results of a session, and tells them to it when somebody wants to draw from it.

    Telling takes a hundred times longer than noting. When a run of a million programs is resumed most sessions
    are forgotten again before anybody draws from them.

    Args:
        origin: where the session starts.
        step_size: of the session.
    """

    def __init__(self, origin: Origin, step_size: float) -> None:
        self.origin = origin
        self._named = origin.detail()
        self._step_size = step_size
        self._session: Session | None = None
        self._unread: list[tuple[int, array[float], float]] = []

    def is_of(self, detail: Mapping[str, object]) -> bool:
        """Whether the detail of a tuned program names this origin."""
        return all(detail[name] == value for name, value in self._named.items())

    def note(self, detail: Mapping[str, object], loss: float) -> None:
        """Note the result of a tuned program."""
        known: Mapping[str, Any] = detail
        self._unread.append((known["generation"], array("d", known["x"]), loss))
        if len(self._unread) >= _UNREAD:
            self.session()

    def session(self) -> Session:
        """Return the session as it is after all that was noted."""
        session = self._session or Session(self.origin, self._step_size)
        self._session = session
        for generation, coordinates, loss in self._unread:
            session.tell(Sample(generation, tuple(coordinates)), loss)
        self._unread.clear()
        return session
