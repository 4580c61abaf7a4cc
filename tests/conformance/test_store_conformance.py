"""Every store keeps its contract, call by call."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.conformance.clock import Clock
from evolve.conformance.store import MakeStore, StoreSuite
from evolve.interfaces import Store
from evolve.store.memory import MemoryStore
from evolve.store.sql import SqlStore
from tests.conformance.stores import on_server


class TestStores(StoreSuite):
    @pytest.fixture(params=["memory", "sqlite", "postgres"])
    def make_store(self, request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
        """Return a function that makes an empty store; another backend is another param."""

        def memory(_name: str, clock: Clock) -> Store:
            return MemoryStore(clock=clock)

        def sqlite(name: str, clock: Clock) -> Store:
            return SqlStore(f"sqlite:///{tmp_path}/runs/{name}.db", clock=clock)

        def postgres(_name: str, clock: Clock) -> Store:
            return on_server(request.getfixturevalue("shared_database"), clock)

        makers: dict[str, MakeStore] = {"memory": memory, "sqlite": sqlite, "postgres": postgres}
        return makers[request.param]
