from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine import engine
from tests.postgres import postgres_server, postgres_url

__all__ = ["engine", "postgres_server", "postgres_url"]


@pytest.fixture(autouse=True, scope="session")
def _processes_unless_a_test_asks_for_containers() -> Iterator[None]:
    """Make tests of everything else the same on machines with and without an engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVOLVE_SANDBOX", "process")
        yield
