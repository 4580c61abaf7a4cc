"""Every operation of a store, in any order, does in a database what it does in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from evolve.conformance.clock import Clock
from evolve.conformance.store import (
    ODD_TEXTS,
    RUN,
    answer,
    called,
    contents,
    finished,
    learned,
    prompted,
    selected,
)
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program, fingerprint
from evolve.domain.proposal import Applied, CallState, Completed, Evaluated, Event, Record
from evolve.domain.steering import Hint, Order, Pin, Stop
from evolve.errors import StoreError
from evolve.interfaces import Lease, Store
from evolve.store.memory import MemoryStore

LEASE_S = 60.0
RUNS = (RUN.id, "other")
Open = Callable[[Clock, bool], Store]
"""Opens the store, emptied if that is wanted."""

texts = st.text(max_size=8) | st.sampled_from(ODD_TEXTS[:8])
steps = st.integers(0, 4)
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | floats | texts
data = st.dictionaries(texts, values | st.lists(values, max_size=2), max_size=2)
stages = st.sampled_from(["quick", "full"])
hashes = st.sampled_from(["hash-0", "hash-1"])
evaluation = st.builds(
    Evaluation,
    stage=stages,
    outcome=st.sampled_from(Outcome),
    judge_hash=texts,
    repeat=st.integers(0, 1),
    metrics=st.dictionaries(texts, floats, max_size=3),
    feedback=texts,
    artifacts=st.dictionaries(texts, st.binary(max_size=4), max_size=2),
    per_instance=st.dictionaries(texts, floats, max_size=2),
    seconds=st.integers(0, 64).map(lambda eighths: eighths / 8),  # sums of these are exact in any order
)
program = st.builds(
    Program,
    step=steps,
    files=st.dictionaries(texts, texts, max_size=2),
    parents=st.lists(steps, max_size=2).map(tuple),
    detail=data,
)
records: st.SearchStrategy[Record] = st.one_of(
    steps.map(selected),
    st.builds(prompted, steps, st.integers(0, 1), texts),
    st.builds(Completed, steps, hashes, st.builds(answer, texts, st.integers(0, 8).map(float))),
    st.builds(called, steps, st.integers(0, 2), st.sampled_from(CallState), st.integers(0, 1)),
    st.builds(learned, steps, texts),
    steps.map(learned),
    program.map(Applied),
    st.builds(Evaluated, steps, evaluation),
    st.builds(finished, steps, st.integers(0, 5)),
    st.builds(Event, st.sampled_from(["a", "b"]), data),
)
batches = st.lists(records, max_size=6)
orders: st.SearchStrategy[Order] = st.builds(Hint, texts.filter(bool)) | st.builds(Pin, steps) | st.just(Stop())
runs = st.sampled_from(RUNS)
holders = st.sampled_from(["a:1:1", "b:1:1"])


class Operations(RuleBasedStateMachine):
    """Does the same with a database and with the reference; answers and kinds of errors must be equal."""

    def __init__(self, open_store: Open) -> None:
        super().__init__()
        self._open = open_store
        self._clock = Clock()
        self._memory: Store = MemoryStore(clock=self._clock)
        self._database: Store = open_store(self._clock, True)
        self._leases: list[Lease] = []
        self._numbers: list[tuple[int, int]] = [(0, 0)]

    @initialize(first=st.sets(steps))
    def begin(self, first: set[int]) -> None:
        for run in RUNS:
            self._create(run)
            self._leases.append(self._taken(run, "a:1:1"))
        self._append(self._leases[0], [selected(step) for step in sorted(first)])

    @rule(run=runs)
    def create_run_again(self, run: str) -> None:
        assert self._create(run) is StoreError

    @rule(run=runs, holder=holders)
    def acquire(self, run: str, holder: str) -> None:
        taken = self._same(lambda store: store.acquire(run, holder, LEASE_S))
        if isinstance(taken, Lease):
            self._leases.append(taken)

    @rule(batch=batches, data=st.data())
    def append(self, batch: list[Record], data: st.DataObject) -> None:
        self._append(data.draw(st.sampled_from(self._leases)), batch)

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self._leases))
        self._same(lambda store: store.renew(lease, LEASE_S, 1.5, "running"))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self._leases))
        self._same(lambda store: store.release(lease, 2.5, "paused"))

    @rule()
    def wait(self) -> None:
        self._clock.advance(25.0)

    @rule(run=runs)
    def who_holds(self, run: str) -> None:
        self._same(lambda store: store.holder(run))

    @rule(run=runs, order=orders)
    def order(self, run: str, order: Order) -> None:
        self._numbers.append((self._memory.order(run, order), self._database.order(run, order)))

    @rule(run=runs, data=st.data())
    def read_orders(self, run: str, data: st.DataObject) -> None:
        of_memory, of_database = data.draw(st.sampled_from(self._numbers))
        renamed = dict(self._numbers)
        expected = [(renamed[n], at, order) for n, at, order in self._memory.orders(run, of_memory)]
        assert list(self._database.orders(run, of_database)) == expected

    @rule(run=runs, stage=stages, metric=texts, outcome=st.sampled_from(Outcome))
    def read_scores(self, run: str, stage: str, metric: str, outcome: Outcome) -> None:
        self._same(lambda store: dict(store.scores(run, stage, metric, outcome)))

    @rule(run=runs, step=steps, request=hashes)
    def read_completion(self, run: str, step: int, request: str) -> None:
        self._same(lambda store: store.completion(run, step, request))

    @rule(judge=texts, stage=stages, run=runs, step=steps)
    def ask_what_is_known(self, judge: str, stage: str, run: str, step: int) -> None:
        try:
            files = self._memory.program(run, step).files
        except StoreError:
            files = {}
        self._same(lambda store: store.known_evaluation(judge, stage, fingerprint(files)))

    @rule()
    def read_what_is_not_there(self) -> None:
        self._same(lambda store: store.run("nowhere"))
        self._same(lambda store: store.acquire("nowhere", "a:1:1", LEASE_S))
        self._same(lambda store: list(store.history("nowhere")))

    @precondition(lambda self: len(self._leases) > 2)
    @rule()
    def open_again(self) -> None:
        self._database.close()
        self._clock.followers.clear()
        self._database = self._open(self._clock, False)

    def teardown(self) -> None:
        try:
            self._same(lambda store: list(store.runs()))
            for run in RUNS:
                assert contents(self._database, run) == contents(self._memory, run)
        finally:
            self._database.close()

    def _create(self, run: str) -> object:
        return self._same(lambda store: store.create_run(replace(RUN, id=run)))

    def _append(self, lease: Lease, batch: list[Record]) -> None:
        self._same(lambda store: store.append(lease, batch))

    def _taken(self, run: str, holder: str) -> Lease:
        taken = self._same(lambda store: store.acquire(run, holder, LEASE_S))
        assert isinstance(taken, Lease)
        return taken

    def _same(self, operation: Callable[[Store], object]) -> object:
        found, expected = (_outcome(operation, store) for store in (self._database, self._memory))
        assert found == expected
        return expected


def _outcome(operation: Callable[[Store], object], store: Store) -> object:
    try:
        return operation(store)
    except StoreError as error:
        return type(error)


class StoreOperationsSuite:
    """Every operation of a store does what the reference does. A class of yours says how one is opened."""

    @pytest.fixture
    def open_store(self) -> Open:
        """Return what opens a store, emptied if that is wanted; otherwise with what was written before."""
        raise NotImplementedError("Override the fixture open_store in your class.")

    def test_every_operation_does_in_a_database_what_it_does_in_memory(self, open_store: Open) -> None:
        run_state_machine_as_test(
            cast(type[RuleBasedStateMachine], lambda: Operations(open_store)),
            settings=settings(
                max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
