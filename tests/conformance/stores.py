"""Stores of ours, by name, for suites that put something into them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from evolve.conformance.clock import Clock
from evolve.conformance.record import TICK_S
from evolve.conformance.store import MakeStore
from evolve.interfaces import Store
from evolve.store.memory import MemoryStore
from evolve.store.sql import SqlStore

KINDS = ("memory", "sqlite", "postgres")


def making(kind: str, folder: Path, server: str = "") -> MakeStore:
    """Return what makes an empty store by a name; ``server`` is the URL of a database for ``postgres``."""

    def make(name: str, clock: Clock) -> Store:
        if kind == "memory":
            return MemoryStore(clock=clock)
        if kind == "sqlite":
            return SqlStore(f"sqlite:///{folder}/{name}.db", clock=clock)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        separator = "&" if "?" in server else "?"
        return SqlStore(f"{server}{separator}options=-csearch_path%3D{name}", clock=clock)

    return make


def store_maker(kind: str, folder: Path, server: str = "") -> Callable[[str], Store]:
    """Return what makes an empty store by a name, with a clock of its own that goes on with every look."""
    make = making(kind, folder, server)
    return lambda name: make(name, Clock(TICK_S))


def on_server(url: str, clock: Clock, *, emptied: bool = True) -> SqlStore:
    """Return a store whose leases go by the server's clock: they expire sooner when ``clock`` goes on."""
    store = SqlStore(url, clock=clock)
    if emptied:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("truncate runs, blobs, names restart identity cascade")

    def expire_sooner(seconds: float) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("update runs set expires_at = expires_at - %s", (seconds,))

    clock.followers.append(expire_sooner)
    return store
