from __future__ import annotations

from pathlib import Path

import pytest

from evolve import problem_library
from evolve.errors import EvolveError


def test_a_problem_folder_is_named_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(EvolveError, match="No problem folder"):
        problem_library.load_problem(str(tmp_path / "mine"))
    with pytest.raises(EvolveError, match=r"no problem 'mine'.*\./mine"):
        problem_library.load_problem("mine")
