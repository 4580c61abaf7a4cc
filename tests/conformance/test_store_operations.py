"""Every operation of a store, in any order, does in a database what it does in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.conformance.clock import Clock
from evolve.conformance.store_operations import Open, StoreOperationsSuite
from evolve.interfaces import Store
from evolve.store.sql import SqlStore
from tests.conformance.stores import on_server


class TestDatabases(StoreOperationsSuite):
    @pytest.fixture(params=["sqlite", "postgres"])
    def open_store(self, request: pytest.FixtureRequest, tmp_path: Path) -> Open:
        def sqlite(clock: Clock, emptied: bool) -> Store:
            path = tmp_path / "a.db"
            for old in tmp_path.glob("a.db*") if emptied else ():
                old.unlink()
            return SqlStore(f"sqlite:///{path}", clock=clock)

        def postgres(clock: Clock, emptied: bool) -> Store:
            return on_server(request.getfixturevalue("shared_database"), clock, emptied=emptied)

        return {"sqlite": sqlite, "postgres": postgres}[str(request.param)]
