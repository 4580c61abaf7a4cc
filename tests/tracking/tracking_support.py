"""Trackers that write below a folder, and a small run to show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.program import Program
from evolve.domain.proposal import (
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Finished,
    Message,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
)
from evolve.interfaces import Lease, RunInfo, Store, Told, Tracker
from evolve.store.memory import MemoryStore

RUN = RunInfo(
    "run-1",
    "packing",
    "running",
    {"seed": 1, "search": {"width": 3}},
    {"version": "1"},
    created_at=1_700_000_000.0,
    objectives=(Objective("score", Direction.MAXIMIZE), Objective("time of it, s", Direction.MINIMIZE)),
)
SCORES = (1.0, 3.0, 2.0, 4.0)
Make = Callable[[], Tracker]


def small_run(count: int, info: RunInfo = RUN) -> MemoryStore:
    """Return a store with a run of some attempts, each with a model call and an evaluation."""
    store = MemoryStore()
    store.create_run(info)
    go_on(store, 0, count, info.id)
    return store


def go_on(store: Store, first: int, end: int, run: str = RUN.id, status: str = "paused") -> None:
    """Write attempts from one number to before another."""
    lease: Lease = store.acquire(run, "elsewhere:1:1", 60.0)
    for step in range(first, end):
        store.append(lease, attempt(step))
    store.release(lease, 1.0, status)


def attempt(step: int) -> Sequence[Record]:
    """Return everything on record of an attempt."""
    key = f"request {step}"
    metrics = {"score": SCORES[step % len(SCORES)], "time of it, s": 10.0 - step}
    answer = Completion("text", "model-1", "stop", 10, 5, cost_usd=0.25, seconds=0.1)
    verdict = Evaluation("full", Outcome.VALID, "judge", metrics=metrics, seconds=0.5)
    return [
        Selected(step, Choice(max(step - 1, 0), (), 0), "diff" if step else "seed", step, "model-1"),
        Prompted(step, key, Request("model-1", (Message("user", "improve"),), {})),
        Called(step, key, 0, CallState.QUEUED, "model-1"),
        Called(step, key, 1, CallState.SENT, "model-1"),
        Called(step, key, 2, CallState.VALIDATED, "model-1", cost_usd=0.25),
        Completed(step, key, answer),
        Applied(Program(step, {"main.py": f"x = {step}\n"}, (), {})),
        Evaluated(step, verdict),
        Finished(step, step, Outcome.VALID, placement=Placement.NEW, cell="c"),
    ]


class Notes:
    """A tracker that keeps what it is told; it fails as often as it is asked to."""

    afterwards = True

    def __init__(self, fails: int = 0, wait: Callable[[], None] = lambda: None) -> None:
        self.told: list[Told] = []
        self.ended: list[str] = []
        self.begun = 0
        self.closed = 0
        self._fails = fails
        self._wait = wait

    def begin(self, run: RunInfo, already: int) -> int:
        self.begun += 1
        return len(self.told)

    def tell(self, told: Sequence[Told]) -> None:
        self._wait()
        if self._fails:
            self._fails -= 1
            raise ConnectionError("nobody answers")
        self.told += told

    def end(self, run: RunInfo) -> None:
        self.ended.append(run.status)

    def close(self) -> None:
        self.closed += 1


@contextmanager
def closing(tracker: Tracker) -> Iterator[Tracker]:
    """Close a tracker at the end of a block."""
    try:
        yield tracker
    finally:
        tracker.close()


def makers(folder: Path) -> dict[str, Make]:
    """Return what makes each tracker, with what is below a folder to write to."""
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from evolve.tracking.mlflow_tracker import MlflowTracker
    from evolve.tracking.otel_tracker import OtelTracker
    from evolve.tracking.prometheus_tracker import PrometheusTracker
    from evolve.tracking.tensorboard_tracker import TensorboardTracker
    from evolve.tracking.wandb_tracker import WandbTracker

    return {
        "mlflow": lambda: MlflowTracker(f"sqlite:///{folder}/mlflow.db"),
        "otel": lambda: OtelTracker(exporter=InMemorySpanExporter()),
        "prometheus": lambda: PrometheusTracker(port=0),
        "tensorboard": lambda: TensorboardTracker(str(folder / "tensorboard")),
        "wandb": lambda: WandbTracker(mode="offline", folder=str(folder / "wandb")),
    }
