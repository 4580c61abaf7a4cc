"""The spans of a run, as an exporter of the SDK gets them."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from evolve.errors import StoreError
from evolve.tracking.follower import send
from evolve.tracking.otel_tracker import OtelTracker
from tests.tracking.tracking_support import RUN, small_run


def _spans(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def _context(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def test_a_run_is_a_trace_of_attempts_with_their_calls_and_evaluations() -> None:
    exporter = InMemorySpanExporter()
    assert send(OtelTracker(exporter=exporter), small_run(3), RUN.id) == 3
    found = _spans(exporter)
    assert {name: len(spans) for name, spans in found.items()} == {
        "attempt": 3, "request": 3, "evaluation": 3, "run": 1,
    }  # fmt: skip
    (run,) = found["run"]
    attempt, request, evaluation = (found[name][1] for name in ("attempt", "request", "evaluation"))
    assert len({_context(span)[0] for spans in found.values() for span in spans}) == 1
    for child, parent in ((attempt, run), (request, attempt), (evaluation, attempt)):
        assert child.parent is not None and child.parent.span_id == _context(parent)[1]
        assert child.start_time and child.end_time and child.start_time <= child.end_time
    assert evaluation.start_time and evaluation.end_time
    assert evaluation.end_time - evaluation.start_time == pytest.approx(0.5e9, abs=1e3)
    assert [event.name for event in request.events] == ["queued", "sent", "validated"]
    assert request.attributes and request.attributes["gen_ai.usage.input_tokens"] == 10
    assert attempt.attributes and attempt.attributes["evolve.score.score"] == 3.0
    assert run.parent is None and run.attributes and run.attributes["evolve.status"] == "paused"


def test_what_is_sent_twice_has_the_same_ids_and_a_later_session_sends_what_is_new() -> None:
    first, again, later = (InMemorySpanExporter() for _ in range(3))
    store = small_run(3)
    for exporter in (first, again):
        send(OtelTracker(exporter=exporter), store, RUN.id)
    assert set(map(_context, first.get_finished_spans())) == set(map(_context, again.get_finished_spans()))
    assert send(OtelTracker(exporter=later), store, RUN.id, already=2) == 1
    assert not {span.name for span in later.get_finished_spans()} - {"run", "attempt", "request", "evaluation"}
    (run,) = _spans(later)["run"]
    assert _context(run)[0] == _context(first.get_finished_spans()[0])[0]
    assert _context(run) not in set(map(_context, first.get_finished_spans()))


class _Refusing(SpanExporter):
    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_what_the_collector_does_not_take_is_an_error() -> None:
    with pytest.raises(StoreError, match="did not take the spans"):
        send(OtelTracker(exporter=_Refusing()), small_run(1), RUN.id)
