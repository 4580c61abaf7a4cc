from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene, staged


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Return a run that is not begun, on SQLite."""
    with staged(tmp_path) as scene:
        yield scene


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Return who starts controllers."""
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery
