"""A clock for stores under test."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """A clock that goes on when it is told to, and by ``tick_s`` whenever somebody looks.

    ``followers`` are told of the former: leases of a store that has a clock of its own have to expire then.
    """

    def __init__(self, tick_s: float = 0.0) -> None:
        self.now = 1000.0
        self.followers: list[Callable[[float], None]] = []
        self._tick_s = tick_s

    def __call__(self) -> float:
        self.now += self._tick_s
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for follow in self.followers:
            follow(seconds)
