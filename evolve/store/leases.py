"""Who works on which run of a database, and by which clock that is judged.

On a server leases go by the server's clock: those of its clients differ. In a SQLite file they go by
the machine's, which may be set while a run is worked on. If it is set forward, a lease looks over
until its holder renews it; so whose process lives on this machine is watched for longer than that
takes before it is replaced. If it is set back, the lease of a process that is gone ends all the
same, because its process is looked for. At no time do two write: the fence sees to that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Double, cast, extract, func, select

from evolve.errors import StoreLocked
from evolve.interfaces import RENEWALS
from evolve.store.holder import holds, lives_here
from evolve.store.tables import runs

_WATCHED = 1.5 / RENEWALS
_LOOK_EVERY_S = 0.1
_SERVER_TIME = select(cast(extract("epoch", func.clock_timestamp()), Double))


@dataclass(frozen=True, slots=True)
class Held:
    """A run that somebody works on, and for how long the lease lasts."""

    run: str
    holder: str
    left_s: float


def lease_time(connection: Connection, clock: Callable[[], float] = time.time) -> float:
    """Return the time by which leases of a database expire, in seconds since the epoch."""
    if connection.dialect.name != "postgresql":
        return clock()
    return float(connection.execute(_SERVER_TIME).scalar_one())


def held(connection: Connection, now: float) -> list[Held]:
    """Return the runs whose holders may be at work, by id."""
    query = select(runs.c.id, runs.c.holder, runs.c.expires_at).where(runs.c.holder.is_not(None)).order_by(runs.c.id)
    rows = connection.execute(query).all()
    found = [Held(row.id, row.holder, (row.expires_at or 0.0) - now) for row in rows]
    return [one for one in found if holds(one.holder, one.left_s)]


def await_sign_of_life(read: Callable[[], tuple[str | None, float]], holder: str, seconds: float) -> None:
    """Wait for a living process of this machine, whose lease looks over, to renew it or to fail to.

    Args:
        read: returns who holds the run and for how many seconds more.
        holder: who wants it.
        seconds: length of leases.
    """
    deadline = time.monotonic() + seconds * _WATCHED
    while time.monotonic() < deadline:
        current, left_s = read()
        if current is None or current == holder or left_s > 0 or not lives_here(current):
            return
        time.sleep(min(_LOOK_EVERY_S, seconds * _WATCHED))


def refuse_while_held(connection: Connection, place: str, now: float) -> None:
    """Raise StoreLocked if somebody works on a run of a database that is to be upgraded."""
    at_work = held(connection, now)
    if at_work:
        who = ", ".join(f"{one.run!r} by {one.holder}" for one in at_work)
        raise StoreLocked(
            f"Database {place} was made by an older version and is to be upgraded, but runs are worked on: {who}. "
            "Stop them (Ctrl+C, or `evolve stop RUN` of that version), then try again."
        )
