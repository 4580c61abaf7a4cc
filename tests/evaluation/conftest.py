from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.evaluation.ready import ready
from tests.evaluation.slots import VARIANTS, Bench, slot_processes, write_problem


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: variant.name)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A started sandbox of each kind."""
    variant = ready(request.param, request)
    with Bench(write_problem(tmp_path_factory.mktemp("problem")), variant) as bench:
        yield bench


@pytest.fixture
def problem_folder(tmp_path: Path) -> Path:
    return write_problem(tmp_path / "problem")


@pytest.fixture
def new_processes() -> Callable[[], set[int]]:
    """Return the processes of slots that were started since the test began."""
    before = slot_processes()
    return lambda: slot_processes() - before
