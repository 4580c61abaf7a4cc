"""Every store keeps its contract of a run as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.conformance.record import RecordSuite
from evolve.conformance.store import MakeStore
from tests.conformance.stores import KINDS, making


class TestRecords(RecordSuite):
    @pytest.fixture(params=KINDS)
    def make_store(self, request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
        server = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
        return making(request.param, tmp_path, server)
