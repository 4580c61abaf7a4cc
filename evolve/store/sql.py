"""The store in a database: SQLite for one machine, PostgreSQL for several."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Objective
from evolve.domain.program import Program
from evolve.domain.proposal import Attempt, Called, Completion, Event, Record, Request, Unfinished
from evolve.domain.steering import Order, Posted, order_data
from evolve.errors import NotFound, StoreError
from evolve.interfaces import Entry, Lease, Prunable, Questions, RunInfo, Size
from evolve.store.connection import READ, WRITE, open_engine, place_of, transaction
from evolve.store.counting import Counting
from evolve.store.deltas import Bases
from evolve.store.encoding import Packer, to_json
from evolve.store.faults import translated
from evolve.store.history import HistoryReader
from evolve.store.holder import holds, lease_lost, refuse_if_held
from evolve.store.leases import await_sign_of_life, lease_time
from evolve.store.ledger import Ledger, in_chunks
from evolve.store.pruning import Pruner
from evolve.store.schema import bring_to_head
from evolve.store.sifting import overlap, sieve
from evolve.store.sizes import reclaim, size_of
from evolve.store.sql_questions import SqlQuestions
from evolve.store.tables import objectives, orders, proposals, runs
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
        self._reader = Ledger(self._connection, self._packer)
        self._past = HistoryReader(self._connection, self._packer)
        self._counting = Counting(engine.dialect)
        self._bases = Bases(self._reader, self._packer)

    def create_run(self, run: RunInfo) -> None:
        """Add a run. Raises StoreError if the id exists."""
        try:
            with self._write() as connection:
                self._create(connection, run)
        except IntegrityError as error:
            self._names.forget()
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
        """Take the right to write for ``seconds``. Raises StoreLocked, naming the holder.

        A living process of this machine whose lease looks over is given the time to renew it.
        """
        await_sign_of_life(lambda: self._holder(run), holder, seconds)
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
        holder, left_s = self._holder(run)
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
            number = self._last_order(connection) + 1
            self._post(connection, key, self._clock(), Posted(number, order))
        return number

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

    def declare(self, run: str, objectives: Sequence[Objective]) -> None:
        """Note what programs of a run are ranked by; without effect if that is known."""
        with self._read() as reader:
            if reader.objectives(reader.key(run)):
                return
        with self._write() as connection:
            key = connection.execute(select(runs.c.key).where(runs.c.id == run).with_for_update()).scalar_one()
            if not self._reader.objectives(key):
                self._declare(connection, key, objectives)
                told = select(proposals.c.step).where(proposals.c.run == key, proposals.c.sequence.is_not(None))
                steps = connection.execute(told.order_by(proposals.c.sequence)).scalars().all()
                self._counting.rank(connection, key, steps)

    def questions(self) -> Questions:
        """Return who answers questions about a run as a whole."""
        return SqlQuestions(self._connection, self._reader, self._place)

    def entries(self, run: str, steps: range | None = None) -> Iterator[Entry]:
        """Yield everything on record of a run, or of some steps. Other calls may be made between two of them."""
        with self._read() as reader:
            key = reader.key(run)
        last, end = (-1, None) if steps is None else (steps.start - 1, steps.stop)
        while True:
            with self._read() as reader:
                chunk, last = reader.attempts(key, last, end)
            if not chunk:
                break
            yield from chunk
        if steps is None:
            with self._read() as reader:
                rest = [*reader.told(key), *reader.posted(key)]
            yield from rest

    def take_in(self, run: RunInfo, entries: Iterable[Entry]) -> None:
        """Add a run with all of its record. Raises StoreError if the id exists, or for a contradiction."""
        try:
            with self._write() as connection:
                key = self._create(connection, run)
                fence = max((self._take(connection, key, chunk) for chunk in in_chunks(entries)), default=0)
                connection.execute(update(runs).where(runs.c.key == key).values(fence=fence))
        except (IntegrityError, _AlreadyThere) as error:
            raise StoreError(
                f"Run {run.id!r} cannot be added to {self._place}: there is a run of that name already, "
                f"or its record contradicts itself: {error}"
            ) from error
        finally:
            self._names.forget()
            self._bases.forget()

    def prune(self, lease: Lease, what: Collection[Prunable], steps: Collection[int]) -> None:
        """Give some of what finished attempts keep up for good. Raises LeaseLost."""
        with self._write() as connection:
            pruner = Pruner(connection, self._reader, self._packer, self._statements, self._held(lease))
            note = pruner.prune(what, steps)
            if note is not None:
                batch = self._batch(pruner.run, lease.fence)
                batch.add(note)
                batch.write(connection, self._statements)
        self._bases.forget()

    def size(self, run: str) -> Size:
        """Return what a run takes."""
        with self._read() as reader:
            return size_of(self._connection, reader, reader.key(run))

    def reclaim(self) -> int:
        """Give disk space that is not used any more back to the system; return how many bytes."""
        with translated(self._place):
            return reclaim(self._connection)

    def close(self) -> None:
        """Release files and connections."""
        self._connection.close()
        self._connection.engine.dispose()

    def _finished(self, run: str, after: int) -> list[Attempt]:
        with self._read() as reader:
            return self._past.finished(reader.key(run), after)

    def _append(self, lease: Lease, records: Sequence[Record], sifted: bool) -> None:
        try:
            with self._write() as connection:
                run = self._held(lease)
                if sifted:
                    records = sieve(connection, lease.run, run, lease.fence, records).sift(records)
                records = self._new_events(run, lease.fence, records)
                self._names.learn(connection, words_of(records))
                batch = self._batch(run, lease.fence)
                for record in records:
                    batch.add(record)
                self._write_batch(connection, batch, run)
        except BaseException:
            self._names.forget()
            self._bases.forget()
            raise

    def _batch(self, run: int, fence: int) -> Batch:
        return Batch(run, fence, self._clock(), self._names, self._packer, self._bases)

    def _write_batch(self, connection: Connection, batch: Batch, run: int) -> None:
        if not batch.write(connection, self._statements):
            raise _AlreadyThere
        if batch.finished:
            self._counting.count(connection, run, batch.finished)

    def _create(self, connection: Connection, run: RunInfo) -> int:
        values = {
            "id": run.id,
            "problem": run.problem,
            "status": run.status,
            "config": self._packer.pack(to_json(run.config)),
            "provenance": self._packer.pack(to_json(run.provenance)),
            "created_at": run.created_at,
            "elapsed_s": run.elapsed_s,
            "last_order": max(run.last_order, self._last_order(connection)),
        }
        written = connection.execute(insert(runs).values(values)).inserted_primary_key
        assert written is not None  # one row was inserted
        self._declare(connection, written[0], run.objectives)
        return int(written[0])

    def _declare(self, connection: Connection, run: int, declared: Sequence[Objective]) -> None:
        if not declared:
            return
        self._names.learn(connection, [objective.name for objective in declared])
        rows = [
            {
                "run": run,
                "position": position,
                "name": self._names.key(objective.name),
                "direction": objective.direction.value,
                "target": objective.target,
                "reference": objective.reference,
            }
            for position, objective in enumerate(declared)
        ]
        connection.execute(insert(objectives), rows)

    def _take(self, connection: Connection, run: int, entries: Sequence[Entry]) -> int:
        """Write some entries of a run that is taken in; return the largest fence among them."""
        records = [entry.record for entry in entries if not isinstance(entry.record, Posted)]
        self._names.learn(connection, words_of(records))
        batch = self._batch(run, 0)
        for entry in entries:
            if isinstance(entry.record, Posted):
                self._post(connection, run, entry.at or 0.0, entry.record)
            else:
                batch.stamp(entry.at or 0.0, entry.fence or 0)
                batch.add(entry.record)
        self._write_batch(connection, batch, run)
        return max((entry.fence or 0 for entry in entries), default=0)

    def _last_order(self, connection: Connection) -> int:
        """Return the largest number that an order of any run may have."""
        ordered = connection.execute(select(func.max(orders.c.number))).scalar()
        known = connection.execute(select(func.max(runs.c.last_order))).scalar()
        return max(ordered or 0, known or 0)

    def _post(self, connection: Connection, run: int, at: float, posted: Posted) -> None:
        data = self._packer.pack(to_json(order_data(posted.order)))
        values = {"run": run, "written_at": at, "data": data, "number": posted.number}
        connection.execute(insert(orders).values(values))

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

    def _holder(self, run: str) -> tuple[str | None, float]:
        """Return who holds the lease on a run, and for how many seconds more."""
        with self._read() as reader:
            reader.key(run)
            query = select(runs.c.holder, runs.c.expires_at).where(runs.c.id == run)
            holder, expires_at = self._connection.execute(query).one()
            return holder, (expires_at or 0.0) - lease_time(self._connection, self._clock)

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
    def _read(self) -> Iterator[Ledger]:
        with transaction(self._connection, READ, self._place):
            yield self._reader
