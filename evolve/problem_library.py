"""Problems by name or folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, nearest
from evolve.importing.kinds import find_task
from evolve.importing.writing import problem_beside
from evolve.paths import bundled


def problem_names() -> list[str]:
    """Return the names of the bundled problems; those of a family begin with its folder: ``kernels/softmax``."""
    library = bundled("problems")
    files = (*library.glob("*/problem.yaml"), *library.glob("*/*/problem.yaml"))
    folders = [file.parent.relative_to(library) for file in files]
    return sorted(folder.as_posix() for folder in folders if not folder.parts[0].startswith("_"))


def load_problem(name: str, params: Mapping[str, object] | None = None) -> Problem:
    """Return a bundled problem by name, the one in a folder, or that of another system's task at a path.

    Raises ConfigurationError or ProblemError.
    """
    if name in problem_names():
        return Problem.load(bundled("problems") / name, params)
    path = Path(name)
    if "/" not in name and name not in (".", "..") and not path.exists():
        hint = f"{nearest(name, problem_names())} A path like ./{name} names a folder of yours."
        raise ConfigurationError(f"There is no problem {name!r}. {hint}")
    task = None if (path / "problem.yaml").exists() else find_task(path)
    return Problem.load(problem_beside(task).folder if task else path, params)
