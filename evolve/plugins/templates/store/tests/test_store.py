"""The store keeps the contract of stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from evolve.conformance.clock import Clock
from evolve.conformance.record import RecordSuite
from evolve.conformance.store import MakeStore, StoreSuite
from evolve.conformance.store_operations import Open, StoreOperationsSuite
from evolve.interfaces import Store

from plugin_name.store import PluginName


@pytest.fixture
def in_files(tmp_path: Path) -> MakeStore:
    return lambda name, clock: PluginName(f"plugin_name:///{tmp_path}/{name}.db", clock=clock)


class TestCalls(StoreSuite):
    @pytest.fixture
    def make_store(self, in_files: MakeStore) -> MakeStore:
        return in_files


class TestRuns(RecordSuite):
    @pytest.fixture
    def make_store(self, in_files: MakeStore) -> MakeStore:
        return in_files


class TestOperations(StoreOperationsSuite):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Open:
        def opened(clock: Clock, emptied: bool) -> Store:
            for old in tmp_path.glob("mine.db*") if emptied else ():
                old.unlink()
            return PluginName(f"plugin_name:///{tmp_path}/mine.db", clock=clock)

        return opened
