"""A new run that begins as another one was after some of its attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evolve.controller.decisions import Decisions, Ended
from evolve.domain.proposal import Applied, Attempt, Completed, Evaluated, Event, Finished, Learned, Prompted, Record
from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo, Store
from evolve.llm.requests import request_hash

FORKED = "forked"
_LEASE_S = 60.0


def fork(store: Store, source: str, count: int, info: RunInfo, decisions: Decisions, holder: str) -> None:
    """Create the run ``info`` with the first ``count`` finished attempts of ``source``.

    Programs, evaluations and model calls are taken over, and so is what they cost. Their places are
    those that the new run's own search gives them, so that it may be another search.

    Args:
        decisions: of the new run, fresh.

    Raises:
        ConfigurationError: the source has fewer attempts.
        StoreError: there is a run of that name.
    """
    known = store.run(source).proposals
    if not 1 <= count <= known:
        raise ConfigurationError(f"--at {count}: expected 1 to {known}, the attempts that {source!r} has finished.")
    store.create_run(info)
    lease = store.acquire(info.id, holder, _LEASE_S)
    try:
        store.append(lease, [Event(FORKED, {"run": source, "attempts": count})])
        for attempt in store.history(source):
            if attempt.finished.sequence >= count:
                break
            store.append(lease, list(_records(store, source, attempt, decisions)))
            store.renew(lease, _LEASE_S, 0.0, "running")
    finally:
        store.release(lease, 0.0, "paused")


def forked_attempts(store: Store, run: str) -> int:
    """Return how many attempts a run took over from another, which its own search did not choose."""
    taken = [event.data for _, event in store.events(run) if event.kind == FORKED]
    return _count(taken[0]) if taken else 0


def _count(data: Mapping[str, object]) -> int:
    count = data["attempts"]
    assert isinstance(count, int)  # as ``fork`` wrote it
    return count


def _records(store: Store, source: str, attempt: Attempt, decisions: Decisions) -> Iterator[Record]:
    """Yield what is on record of an attempt, in the order in which it came about."""
    step, finished = attempt.selected.step, attempt.finished
    yield attempt.selected
    for request, completion in store.requests(source, step):
        key = request_hash(request)
        yield Prompted(step, key, request)
        yield from (called for _, called in store.calls(source, step) if called.request_hash == key)
        if completion is not None:
            yield Completed(step, key, completion)
    if attempt.lessons:
        yield Learned(step, attempt.lessons)
    if attempt.program is not None:
        yield Applied(store.program(source, step))
    yield from (Evaluated(step, evaluation) for evaluation in store.evaluations(source, step))
    _, placement, cell = decisions.tell(Ended.on_record(attempt))
    yield Finished(step, finished.sequence, finished.outcome, finished.cause, finished.detail, placement, cell)
