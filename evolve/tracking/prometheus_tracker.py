"""Prometheus: numbers of a run that works, for a server that asks from time to time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evolve.domain.problem import SEALED
from evolve.domain.proposal import Evaluated
from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo, Told
from evolve.tracking.packages import need

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

_SECONDS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)


class PrometheusTracker:
    """Answers at ``http://HOST:PORT/metrics`` while the run works. Whoever reaches the port can read the numbers.

    Args:
        port: to listen on; 0 for one that is free.
        host: address to listen on; others than this machine reach ``0.0.0.0``.
    """

    afterwards = False

    def __init__(self, port: int = 9464, host: str = "127.0.0.1") -> None:
        need("prometheus_client", "prometheus")
        self._port = port
        self._host = host
        self._numbers: dict[str, Any] = {}
        self._server: WSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return int(self._server.server_port) if self._server is not None else 0

    def begin(self, run: RunInfo, already: int) -> int:
        """Listen; it counts from the run's first attempt."""
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        self._numbers = _numbers(registry, run)
        try:
            self._server, self._thread = start_http_server(self._port, addr=self._host, registry=registry)
        except OSError as error:
            raise ConfigurationError(
                f"{self._host}:{self._port} cannot be listened on ({error}). trackers.prometheus.port=0: any free port."
            ) from error
        return 0

    def tell(self, told: Sequence[Told]) -> None:
        """Count attempts and what they cost."""
        numbers = self._numbers
        for item in told:
            numbers["attempts"].labels(operator=item.row.operator, outcome=str(item.row.outcome)).inc()
            for entry in item.entries:
                match entry.record:
                    case Evaluated(_, evaluation) if evaluation.stage != SEALED:
                        numbers["evaluation_s"].labels(stage=evaluation.stage).observe(evaluation.seconds)
        totals = told[-1].totals
        numbers["cost_usd"].set(totals.cost_usd)
        numbers["tokens"].set(totals.tokens)
        numbers["calls"].set(totals.calls)
        for name, value in totals.best.items():
            numbers["best"].labels(objective=name).set(value)

    def end(self, run: RunInfo) -> None:
        """Nothing more: nobody answers when the run is over."""

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None


def _numbers(registry: Any, run: RunInfo) -> dict[str, Any]:
    from prometheus_client import Counter, Gauge, Histogram

    Gauge("evolve_run_info", "The run that answers here.", ("run", "problem"), registry=registry).labels(
        run=run.id, problem=run.problem
    ).set(1)
    return {
        "attempts": Counter("evolve_attempts", "Finished attempts.", ("operator", "outcome"), registry=registry),
        "evaluation_s": Histogram(
            "evolve_evaluation_seconds",
            "Seconds of evaluations, but those of the sealed stage.",
            ("stage",),
            buckets=_SECONDS,
            registry=registry,
        ),
        "cost_usd": Gauge("evolve_cost_usd", "Dollars for model calls of finished attempts.", registry=registry),
        "tokens": Gauge("evolve_tokens", "Tokens of prompts and answers of finished attempts.", registry=registry),
        "calls": Gauge("evolve_calls", "Model calls of finished attempts.", registry=registry),
        "best": Gauge("evolve_best", "Best value so far, as first judged.", ("objective",), registry=registry),
    }
