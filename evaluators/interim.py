"""What a judge knows of an evaluation before it ends, and whether going on is worth the time.

Judge and host alone meet here: nothing that a program says reaches it but through numbers that the
judge computes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from evaluators.candidate import Hopeless
from evaluators.messages import Bar
from evaluators.score import finite_numbers

_SHOW_EVERY_S: Final = 0.25


class Interim:
    """The bounds of one evaluation, and the bar that they are held against.

    Whether an evaluation is stopped depends on the bounds and the bar alone. What is shown to
    people meanwhile is the first report and then a few a second.

    Args:
        bar: what must still be within reach; None: nothing is stopped.
        show: told of reports on their way.
    """

    def __init__(self, bar: Bar | None, show: Callable[[dict[str, float]], None]) -> None:
        self.metrics: dict[str, float] = {}
        self.hopeless = False
        self._bar = bar
        self._show = show
        self._shown_at: float | None = None

    def report(self, metrics: Mapping[str, Any]) -> None:
        """See ``Candidate.at_best``. Raises Hopeless, and NotAScore for what is no finite number."""
        self.go_on()
        self.metrics = {**self.metrics, **finite_numbers(metrics, "interim metric")}
        self.hopeless = self._falls_short()
        self.go_on()
        now = time.monotonic()
        if self._shown_at is None or now - self._shown_at >= _SHOW_EVERY_S:
            self._shown_at = now
            self._show(self.metrics)

    def go_on(self) -> None:
        """Raise Hopeless if the evaluation was stopped, also when a judge caught that."""
        if self.hopeless:
            raise Hopeless(f"stopped: {self.metrics}")

    def _falls_short(self) -> bool:
        bar = self._bar
        if bar is None or bar.metric not in self.metrics:
            return False
        value = self.metrics[bar.metric]
        return value < bar.limit if bar.maximize else value > bar.limit
