"""What resuming a run takes, in a process of its own: ``python -m evolve.bench.resuming URL RUN PROPOSALS BEGAN_AT``.

The run is really resumed, makes so many more proposals, and prints one JSON object of :class:`Resumed`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from evolve import configuration, wiring
from evolve.bench.forwarding import Forwarding
from evolve.controller.run import resume_run
from evolve.domain.evaluation import Scored
from evolve.domain.proposal import Choice, Placement
from evolve.interfaces import Search

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Resumed:
    """How a run was resumed.

    Args:
        open_s: until the store was open and the run found, imports included, from the command on.
        first_proposal_s: until the first proposal was chosen, from the command on.
        cpu_s: processor time of the process until then.
        memory_bytes: what the process holds then (resident).
        decision_ms: an ask and a tell of each of the new proposals, in order.
    """

    open_s: float
    first_proposal_s: float
    cpu_s: float
    memory_bytes: int
    decision_ms: Sequence[float]


class Timed(Forwarding):
    """A search whose first ask, and everything after it, is timed."""

    def __init__(self, search: Search) -> None:
        super().__init__(search)
        self.first_ask: tuple[float, float, int] | None = None  # seconds since the epoch, CPU seconds, bytes
        self.asks_ms: list[float] = []
        self.tells_ms: list[float] = []

    def ask(self, rng: np.random.Generator) -> Choice:
        """Ask the search."""
        began_ns = time.perf_counter_ns()
        choice = self._search.ask(rng)
        self.asks_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
        if self.first_ask is None:
            self.first_ask = (time.time(), time.process_time(), _resident_bytes())
        return choice

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Tell the search."""
        if self.first_ask is None:
            return self._search.tell(scored)
        began_ns = time.perf_counter_ns()
        answer = self._search.tell(scored)
        self.tells_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
        return answer


def resumed(url: str, run: str, proposals: int, began_at: float) -> Resumed:
    """Resume a run for so many more proposals. ``began_at``: seconds since the epoch when this was asked for."""
    store = wiring.open_existing(url)
    try:
        info = store.run(run)
    finally:
        store.close()
    open_s = time.time() - began_at
    config = {**info.config, "store": wiring.store_config(url)}
    limits: dict[str, str] = dict.fromkeys(configuration.option("budget", "default"), "null") | {
        "proposals": str(info.proposals + proposals)
    }
    parts = wiring.build(configuration.for_resume(config, [f"budget.{name}={value}" for name, value in limits.items()]))
    timed = Timed(parts.new_search())
    asyncio.run(resume_run(replace(parts, new_search=lambda: timed), run, lambda _: None))
    assert timed.first_ask is not None  # it made proposals
    at, cpu_s, memory_bytes = timed.first_ask
    pairs = zip(timed.asks_ms, timed.tells_ms, strict=False)
    return Resumed(open_s, at - began_at, cpu_s, memory_bytes, [ask + tell for ask, tell in pairs])


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


if __name__ == "__main__":
    print(json.dumps(asdict(resumed(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))))
