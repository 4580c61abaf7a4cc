"""The store in a database: SQLite for one machine, PostgreSQL for several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.domain.proposal import Attempt, Called, Completion, Event, Record, Request, Unfinished
from evolve.domain.steering import Order, order_data
from evolve.errors import NotFound, StoreError
from evolve.interfaces import Lease, RunInfo
from evolve.store.connection import READ, WRITE, open_engine, place_of, transaction
from evolve.store.deltas import Bases
from evolve.store.encoding import Packer, to_json
from evolve.store.faults import translated
from evolve.store.holder import holds, lease_lost, refuse_if_held
from evolve.store.leases import lease_time
from evolve.store.reading import Reader
from evolve.store.schema import bring_to_head
from evolve.store.sifting import overlap, sieve
from evolve.store.tables import orders, runs
from evolve.store.writing import Batch, Names, Statements, words_of


class _AlreadyThere(Exception):
    """A batch met something that is written already."""


class SqlStore:
    """Keeps runs in a database; implements :class:`evolve.interfaces.Store`.

    It may be created in one thread and used from another, by one thread at a time. Other stores,
    in this process or elsewhere, may read the same database meanwhile; what they see is always whole.

    With ``synchronous="normal"`` a SQLite database survives the death of the process at any moment;
    when the machine loses power, the last transactions may be missing, but never half of one.
    ``"full"`` keeps those too and makes every write wait for the disk.

    Args:
        url: ``sqlite:///path/to/file.db`` (missing folders are made) or ``postgresql://USER@HOST/DATABASE``.
        synchronous: ``normal`` or ``full``; SQLite only.
        lock_timeout_s: how long a write waits for another process's write before StoreAway.
        clock: seconds since the epoch. Leases on a server go by the server's clock instead, because those
            of its clients differ.
    """

    def __init__(
        self,
        url: str,
        *,
        synchronous: str = "normal",
        lock_timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        engine = open_engine(url, synchronous, lock_timeout_s)
        self._place = place_of(engine.url)
        self._clock = clock
        self._packer = Packer()
        with translated(self._place):
            self._connection = engine.connect()
        try:
            bring_to_head(self._connection, self._place)
        except BaseException:
            self.close()
            raise
        self._statements = Statements(engine.dialect)
        self._names = Names(self._statements)
        self._reader = Reader(self._connection, self._packer)
        self._bases = Bases(self._reader, self._packer)

    def create_run(self, run: RunInfo) -> None:
        """Add a run. Raises StoreError if the id exists."""
        values = {
            "id": run.id,
            "problem": run.problem,
            "status": run.status,
            "config": self._packer.pack(to_json(run.config)),
            "provenance": self._packer.pack(to_json(run.provenance)),
            "created_at": run.created_at,
            "elapsed_s": run.elapsed_s,
        }
        try:
            with self._write() as connection:
                connection.execute(insert(runs).values(values))
        except IntegrityError as error:
            raise StoreError(f"There is a run {run.id!r} already; choose another id or resume it.") from error

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first, with totals."""
        with self._read() as reader:
            return reader.infos(true())

    def run(self, run: str) -> RunInfo:
        """Return one run with totals."""
        with self._read() as reader:
            reader.key(run)
            return reader.infos(runs.c.id == run)[0]

    def acquire(self, run: str, holder: str, seconds: float) -> Lease:
        """Take the right to write for ``seconds``. Raises StoreLocked, naming the holder."""
        with self._write() as connection:
            columns = (runs.c.holder, runs.c.expires_at, runs.c.fence)
            found = connection.execute(select(*columns).where(runs.c.id == run).with_for_update()).first()
            if found is None:
                raise NotFound(f"There is no run {run!r} in this database.")
            now = lease_time(connection, self._clock)
            refuse_if_held(run, holder, found.holder, (found.expires_at or 0.0) - now)
            fence = found.fence + 1
            values = {"holder": holder, "expires_at": now + seconds, "fence": fence}
            connection.execute(update(runs).where(runs.c.id == run).values(values))
        return Lease(run, holder, fence)

    def renew(self, lease: Lease, seconds: float, elapsed_s: float, status: str) -> None:
        """Extend the lease and note the run's progress. Raises LeaseLost."""
        progress = {"elapsed_s": elapsed_s, "status": status}
        self._change(lease, lambda now: {"expires_at": now + seconds, **progress})

    def release(self, lease: Lease, elapsed_s: float, status: str) -> None:
        """Give the lease back, for good, and note the run's status. Raises LeaseLost."""
        values: dict[str, object] = {"holder": None, "expires_at": None, "elapsed_s": elapsed_s, "status": status}
        self._change(lease, lambda _: values)

    def holder(self, run: str) -> str | None:
        """Return who holds the lease on a run; None when nobody does, or when that process is gone."""
        with self._read() as reader:
            reader.key(run)
            query = select(runs.c.holder, runs.c.expires_at).where(runs.c.id == run)
            holder, expires_at = self._connection.execute(query).one()
            left_s = (expires_at or 0.0) - lease_time(self._connection, self._clock)
        return holder if holds(holder, left_s) else None

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        """Write records in one transaction. Raises LeaseLost.

        A record is there already if its step has one of the same kind (and request hash, or number
        under this lease, or stage and repeat); an event, if it repeats the end of what was written under this lease.
        Raises NotFound for steps that were never selected.
        """
        try:
            self._append(lease, records, sifted=False)
        except (IntegrityError, _AlreadyThere):
            self._append_rest(lease, records)

    def history(self, run: str) -> Iterator[Attempt]:
        """Yield the finished attempts by ``sequence``. Other calls may be made between two of them."""
        last = -1
        while chunk := self._finished(run, last):
            yield from chunk
            last = chunk[-1].finished.sequence

    def unfinished(self, run: str) -> Sequence[Unfinished]:
        """Return attempts that were selected but not finished, by step."""
        with self._read() as reader:
            return reader.unfinished(reader.key(run))

    def events(self, run: str) -> Sequence[tuple[float, Event]]:
        """Return (seconds since the epoch, event) in the order written."""
        with self._read() as reader:
            return reader.events(reader.key(run))

    def order(self, run: str, order: Order) -> int:
        """Put an order into the run's inbox; return its number."""
        with self._write() as connection:
            # Locked, so that a larger number is never committed before a smaller one of the same run.
            key = connection.execute(select(runs.c.key).where(runs.c.id == run).with_for_update()).scalar()
            if key is None:
                raise NotFound(f"There is no run {run!r} in this database.")
            data = self._packer.pack(to_json(order_data(order)))
            values = {"run": key, "written_at": self._clock(), "data": data}
            written = connection.execute(insert(orders).values(values)).inserted_primary_key
            assert written is not None  # one row was inserted
        return int(written[0])

    def orders(self, run: str, after: int) -> Sequence[tuple[int, float, Order]]:
        """Return (number, seconds since the epoch, order) of the orders with a larger number than ``after``."""
        with self._read() as reader:
            return reader.orders(reader.key(run), after)

    def program(self, run: str, step: int) -> Program:
        """Return a program with its files."""
        with self._read() as reader:
            return reader.program(reader.key(run), step)

    def evaluations(self, run: str, step: int) -> Sequence[Evaluation]:
        """Return every evaluation of a program, artifacts included, in the order written."""
        with self._read() as reader:
            return reader.evaluations(reader.key(run), step)

    def known_evaluation(self, judge_hash: str, stage: str, fingerprint: str) -> Evaluation | None:
        """Return what a judge said of these files before, in any run, or None."""
        with self._read() as reader:
            return reader.known_evaluation(judge_hash, stage, fingerprint)

    def scores(self, run: str, stage: str, metric: str, outcome: Outcome = Outcome.VALID) -> Mapping[int, float]:
        """Return step -> value of a metric of the programs that ended so on a stage."""
        with self._read() as reader:
            return reader.scores(reader.key(run), stage, metric, outcome)

    def completion(self, run: str, step: int, request_hash: str) -> Completion | None:
        """Return the stored answer to a request of this step, or None if it was never answered."""
        with self._read() as reader:
            return reader.completion(reader.key(run), step, request_hash)

    def requests(self, run: str, step: int) -> Sequence[tuple[Request, Completion | None]]:
        """Return the model calls of a step in the order sent."""
        with self._read() as reader:
            return reader.requests(reader.key(run), step)

    def calls(self, run: str, step: int) -> Sequence[tuple[float, Called]]:
        """Return (seconds since the epoch, transition) of the model calls of a step, call by call."""
        with self._read() as reader:
            return reader.calls(reader.key(run), step)

    def close(self) -> None:
        """Release files and connections."""
        self._connection.close()
        self._connection.engine.dispose()

    def _finished(self, run: str, after: int) -> list[Attempt]:
        with self._read() as reader:
            return reader.finished(reader.key(run), after)

    def _append(self, lease: Lease, records: Sequence[Record], sifted: bool) -> None:
        try:
            with self._write() as connection:
                run = self._held(lease)
                if sifted:
                    records = sieve(connection, lease.run, run, lease.fence, records).sift(records)
                records = self._new_events(run, lease.fence, records)
                self._names.learn(connection, words_of(records))
                batch = Batch(run, lease.fence, self._clock(), self._names, self._packer, self._bases)
                for record in records:
                    batch.add(record)
                if not batch.write(connection, self._statements):
                    raise _AlreadyThere
        except BaseException:
            self._names.forget()
            self._bases.forget()
            raise

    def _append_rest(self, lease: Lease, records: Sequence[Record]) -> None:
        try:
            self._append(lease, records, sifted=True)
        except (IntegrityError, _AlreadyThere) as error:
            raise StoreError(
                f"Database {self._place}: these records contradict what run {lease.run!r} holds "
                "(two attempts with the same sequence, or two lessons with the same id?), "
                f"so nothing was written: {error}"
            ) from error

    def _new_events(self, run: int, fence: int, records: Sequence[Record]) -> Sequence[Record]:
        told = [record for record in records if isinstance(record, Event)]
        if not told:
            return records
        written = self._reader.last_events(run, fence, len(told))
        repeated = overlap(written, [(event.kind, to_json(event.data)) for event in told])
        fresh = iter([False] * repeated + [True] * (len(told) - repeated))
        return [record for record in records if not isinstance(record, Event) or next(fresh)]

    def _held(self, lease: Lease) -> int:
        """Return the run's key if the lease is good; lock the run against a new one meanwhile."""
        found = self._connection.exec_driver_sql(self._statements.held, (lease.run, lease.fence)).first()
        if found is None:
            key = self._reader.key(lease.run)
            holder = self._connection.execute(select(runs.c.holder).where(runs.c.key == key)).scalar()
            raise lease_lost(lease, holder)
        return int(found[0])

    def _change(self, lease: Lease, values: Callable[[float], dict[str, object]]) -> None:
        with self._write() as connection:
            key = self._held(lease)
            connection.execute(
                update(runs).where(runs.c.key == key).values(values(lease_time(connection, self._clock)))
            )

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with transaction(self._connection, WRITE, self._place):
            yield self._connection

    @contextmanager
    def _read(self) -> Iterator[Reader]:
        with transaction(self._connection, READ, self._place):
            yield self._reader
