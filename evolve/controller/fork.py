"""A new run that begins as another one was after some of its attempts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from evolve.controller.decisions import Decisions, Ended
from evolve.controller.orders import follow_again
from evolve.controller.steering import Taken, interleaved, taken_orders
from evolve.domain.proposal import Attempt, Called, Event, Finished, Record
from evolve.domain.steering import Inject, Posted
from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo, Store

FORKED = "forked"
_LEASE_S = 60.0


def fork(store: Store, source: str, count: int, info: RunInfo, decisions: Decisions, holder: str) -> None:
    """Create the run ``info`` with the first ``count`` finished attempts of ``source``.

    Programs, evaluations and model calls are taken over, and so is what they cost. Their places are
    those that the new run's own search gives them, so that it may be another search. Orders that were
    taken up by then are in force; a program that was injected but not judged by then waits in the
    inbox of the new run.

    Args:
        decisions: of the new run, fresh.

    Raises:
        ConfigurationError: the source has fewer attempts.
        StoreError: there is a run of that name.
    """
    known = store.run(source).proposals
    if not 1 <= count <= known:
        raise ConfigurationError(f"--at {count}: expected 1 to {known}, the attempts that {source!r} has finished.")
    orders = [item for item in taken_orders(e for _, e in store.events(source)) if item.told <= count]
    kept, again = _divided([item for item in orders if not item.refused], _steps(store, source, count))
    store.create_run(replace(info, provenance={**info.provenance, FORKED: {"run": source, "attempts": count}}))
    lease = store.acquire(info.id, holder, _LEASE_S)
    try:
        store.append(lease, [Event(FORKED, {"run": source, "attempts": count})])
        for waiting in again:
            store.order(info.id, waiting.order)
        for item in interleaved(_first(store, source, count), kept):
            if isinstance(item, Taken):
                follow_again(decisions, item, store.history(source))
                store.append(lease, [item.event()])
            else:
                store.append(lease, list(_records(store, source, item, decisions)))
            store.renew(lease, _LEASE_S, 0.0, "running")
    finally:
        store.release(lease, 0.0, "paused")


def check_whole_fork(info: RunInfo) -> None:
    """Raise ConfigurationError for a fork that was cut off before all was taken over: it is not what was asked for."""
    origin = info.provenance.get(FORKED)
    if isinstance(origin, Mapping) and info.proposals < _count(origin):
        source, wanted = origin["run"], _count(origin)
        raise ConfigurationError(
            f"Run {info.id!r} was to begin with {wanted} attempts of {source!r}, but forking it was cut off after "
            f"{info.proposals}. Fork again, under another name: `evolve fork {source} --at {wanted} run=NAME`."
        )


def forked_attempts(store: Store, run: str) -> int:
    """Return how many attempts a run took over from another, which its own search did not choose."""
    taken = [event.data for _, event in store.events(run) if event.kind == FORKED]
    return _count(taken[0]) if taken else 0


def _first(store: Store, run: str, count: int) -> Iterator[Attempt]:
    return takewhile(lambda attempt: attempt.finished.sequence < count, store.history(run))


def _steps(store: Store, run: str, count: int) -> set[int]:
    return {attempt.selected.step for attempt in _first(store, run, count)}


def _divided(orders: Sequence[Taken], steps: set[int]) -> tuple[list[Taken], list[Taken]]:
    """Return the orders that were followed within these steps, and the injections that have to be begun again."""
    begun = [not isinstance(item.order, Inject) or item.step in steps for item in orders]
    free = max(steps) + 1  # the first step that the new run chooses itself
    kept = [replace(item, step=min(item.step, free)) for item, done in zip(orders, begun, strict=True) if done]
    return kept, [item for item, done in zip(orders, begun, strict=True) if not done]


def _count(data: Mapping[str, object]) -> int:
    count = data["attempts"]
    assert isinstance(count, int)  # as ``fork`` wrote it
    return count


def _records(store: Store, source: str, attempt: Attempt, decisions: Decisions) -> Iterator[Record]:
    """Yield what is on record of an attempt, in the order in which it came about."""
    step, finished = attempt.selected.step, attempt.finished
    told: Counter[str] = Counter()
    for entry in store.entries(source, range(step, step + 1)):
        match entry.record:
            case Called() as called:  # numbered anew: what was told under several leases comes under one here
                yield replace(called, number=told[called.request_hash])
                told[called.request_hash] += 1
            case Finished() | Posted():
                pass
            case record:
                yield record
    _, placement, cell = decisions.tell(Ended.on_record(attempt))
    yield Finished(step, finished.sequence, finished.outcome, finished.cause, finished.detail, placement, cell)
