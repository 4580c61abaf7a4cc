"""Problems by name or folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evolve.catalogue import problem_folder, problem_names
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, nearest
from evolve.importing.kinds import find_task
from evolve.importing.writing import problem_beside

__all__ = ["load_problem", "problem_names"]


def load_problem(name: str, params: Mapping[str, object] | None = None) -> Problem:
    """Return a problem of evolve or of a plug-in by name, the one in a folder, or another system's task at a path.

    Raises ConfigurationError or ProblemError.
    """
    folder = problem_folder(name)
    if folder is not None:
        return Problem.load(folder, params)
    path = Path(name)
    if "/" not in name and name not in (".", "..") and not path.exists():
        hint = f"{nearest(name, problem_names())} A path like ./{name} names a folder of yours."
        raise ConfigurationError(f"There is no problem {name!r}. {hint}")
    task = None if (path / "problem.yaml").exists() else find_task(path)
    return Problem.load(problem_beside(task).folder if task else path, params)
