"""OpenTelemetry: a trace of a run, with a span for each attempt, model call and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evolve.domain.evaluation import Outcome
from evolve.domain.proposal import Called, CallState, Completed, Evaluated, Prompted, Selected
from evolve.errors import StoreError
from evolve.interfaces import Entry, RunInfo, Told
from evolve.tracking.packages import need

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanContext

Values = Mapping[str, str | bool | int | float]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened within a span, in seconds since the epoch."""

    name: str
    at: float
    values: Values


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of work. ``key`` names it within the run, for ever; times are in seconds since the epoch."""

    key: str
    parent: str
    name: str
    began_at: float
    ended_at: float
    values: Values
    failed: bool = False
    moments: tuple[Moment, ...] = field(default=())


class OtelTracker:
    """Sends spans of finished attempts to a collector, by OTLP over HTTP.

    A run is one trace; each of its sessions is a span, below it the attempts, below them model calls (from waiting for
    their turn to the usable answer, each transition an event) and evaluations. Ids are made from the run's, so that
    spans that are sent twice are the same. The record has the time at which an attempt ended, not one for each stage:
    evaluations are drawn one after another, as long as they took, up to that end.

    Args:
        endpoint: of the collector, ``http://HOST:4318/v1/traces``; None for what $OTEL_EXPORTER_OTLP_ENDPOINT says.
        service: name of the service in the traces.
        exporter: a ``SpanExporter`` that takes the spans instead.
    """

    afterwards = True

    def __init__(self, endpoint: str | None = None, service: str = "evolve", exporter: Any = None) -> None:
        need("opentelemetry.sdk", "otel")
        if exporter is None:
            need("opentelemetry.exporter.otlp.proto.http", "otel")
        self._endpoint = endpoint
        self._service = service
        self._given: SpanExporter | None = exporter
        self._exporter: SpanExporter | None = None
        self._run: RunInfo | None = None
        self._session = ""
        self._began_at = 0.0
        self._ended_at = 0.0
        self._sent = 0

    def begin(self, run: RunInfo, already: int) -> int:
        """Begin a session; attempts of earlier ones were sent in theirs."""
        if self._run is None or self._run.id != run.id:
            self._sent = already
        self._run = run
        self._session = f"session {already}"
        self._exporter = self._given or self._made()
        return self._sent

    def tell(self, told: Sequence[Told]) -> None:
        """Send the spans of attempts. Raises StoreError if the collector does not take them."""
        spans = [span for item in told for span in attempt_spans(item, self._session)]
        self._began_at = self._began_at or min(span.began_at for span in spans)
        self._ended_at = max(self._ended_at, *(span.ended_at for span in spans))
        self._send(spans)
        self._sent = told[-1].row.sequence + 1

    def end(self, run: RunInfo) -> None:
        """Send the session's span."""
        if not self._began_at:
            return
        values: Values = {
            "evolve.run": run.id,
            "evolve.problem": run.problem,
            "evolve.status": run.status,
            "evolve.evaluations": run.evaluated,
            "evolve.cost_usd": run.usage.cost_usd,
        }
        failed = run.status == "failed"
        self._send([Span(self._session, "", "run", self._began_at, self._ended_at, values, failed)])

    def close(self) -> None:
        """Release connections."""
        if self._exporter is not None and self._given is None:
            self._exporter.shutdown()
        self._exporter = None

    def _made(self) -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=self._endpoint)

    def _send(self, spans: Sequence[Span]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        assert self._exporter is not None and self._run is not None
        if self._exporter.export([self._readable(span) for span in spans]) is not SpanExportResult.SUCCESS:
            raise StoreError("The collector did not take the spans; see its log.")

    def _readable(self, span: Span) -> ReadableSpan:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import Event, ReadableSpan
        from opentelemetry.trace import SpanKind, Status, StatusCode

        return ReadableSpan(
            name=span.name,
            context=self._context(span.key),
            parent=self._context(span.parent) if span.parent else None,
            resource=Resource.create({"service.name": self._service}),
            attributes=_plain(span.values),
            events=[Event(moment.name, _plain(moment.values), _nanoseconds(moment.at)) for moment in span.moments],
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR if span.failed else StatusCode.OK),
            start_time=_nanoseconds(span.began_at),
            end_time=_nanoseconds(span.ended_at),
        )

    def _context(self, key: str) -> SpanContext:
        from opentelemetry.trace import SpanContext, TraceFlags

        assert self._run is not None
        return SpanContext(
            trace_id=_number(self._run.id, 16),
            span_id=_number(f"{self._run.id}\0{key}", 8),
            is_remote=False,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )


def attempt_spans(told: Told, session: str) -> Iterator[Span]:
    """Yield the spans of a finished attempt: its own, then those of its model calls and evaluations."""
    row = told.row
    key = f"attempt {row.step}"
    began = next((e.at for e in told.entries if isinstance(e.record, Selected) and e.at), row.finished_at)
    values: dict[str, str | bool | int | float] = {
        "evolve.step": row.step,
        "evolve.parent": row.parent,
        "evolve.island": row.island,
        "evolve.operator": row.operator,
        "evolve.outcome": str(row.outcome),
        "evolve.cause": row.cause,
        "evolve.placement": row.placement.name.lower(),
        **{f"evolve.score.{name}": value for name, value in row.values.items()},
    }
    yield Span(key, session, "attempt", began, row.finished_at, values, row.outcome is Outcome.INFRASTRUCTURE)
    yield from _calls(told.entries, key)
    yield from _evaluations(told, key)


def _calls(entries: Sequence[Entry], parent: str) -> Iterator[Span]:
    for number, call in enumerate(_each_call(entries)):
        moments = tuple(
            Moment(str(e.record.state), e.at or 0.0, {"model": e.record.model, "detail": e.record.detail})
            for e in call
            if isinstance(e.record, Called)
        )
        times = [entry.at for entry in call if entry.at]
        answers = [entry.record.completion for entry in call if isinstance(entry.record, Completed)]
        values: dict[str, str | bool | int | float] = {}
        for answer in answers:
            values = {
                "gen_ai.response.model": answer.model,
                "gen_ai.usage.input_tokens": answer.prompt_tokens,
                "gen_ai.usage.output_tokens": answer.completion_tokens,
                "evolve.cost_usd": answer.cost_usd,
                "evolve.fault": answer.fault,
            }
        failed = not answers or any(moment.name == CallState.FAILED for moment in moments)
        yield Span(f"{parent} call {number}", parent, "request", min(times), max(times), values, failed, moments)


def _each_call(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    call: list[Entry] = []
    for entry in entries:
        if isinstance(entry.record, Prompted) and call:
            yield call
            call = []
        if isinstance(entry.record, Prompted | Called | Completed):
            call.append(entry)
    if call:
        yield call


def _evaluations(told: Told, parent: str) -> Iterator[Span]:
    ended_at = told.row.finished_at
    verdicts = [entry.record.evaluation for entry in told.entries if isinstance(entry.record, Evaluated)]
    for number, verdict in reversed(list(enumerate(verdicts))):
        values: Values = {
            "evolve.stage": verdict.stage,
            "evolve.outcome": str(verdict.outcome),
            "evolve.reused": verdict.reused,
        }
        failed = verdict.outcome is Outcome.INFRASTRUCTURE
        key = f"{parent} evaluation {number}"
        yield Span(key, parent, "evaluation", ended_at - verdict.seconds, ended_at, values, failed)
        ended_at -= verdict.seconds


def _number(text: str, size: int) -> int:
    """Return a number of some bytes that stands for a text; never 0, which means none."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big") or 1


def _plain(values: Values) -> dict[str, str | bool | int | float]:
    """Return values as they can be sent: text of models may hold what is no Unicode."""
    return {name: _sendable(value) for name, value in values.items()}


def _sendable(value: str | bool | int | float) -> str | bool | int | float:
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
