"""Evolve programs with language models and syntax operators, scored by judges they cannot reach.

What a script or notebook needs is here, and in ``README.md`` beside this file; nothing is loaded before it is used.
Readers of the code start at :mod:`evolve.interfaces`; the loop is :mod:`evolve.controller.loop`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.api.functions import FunctionProblem, problem
    from evolve.api.optimizing import aoptimize, aresume, open_run, optimize, resume
    from evolve.api.progress import Progress
    from evolve.api.result import Result, ScoredProgram
    from evolve.api.table import Table
    from evolve.errors import EvolveError

__all__ = [
    "EvolveError",
    "FunctionProblem",
    "Progress",
    "Result",
    "ScoredProgram",
    "Table",
    "__version__",
    "aoptimize",
    "aresume",
    "open_run",
    "optimize",
    "problem",
    "resume",
]

__version__ = "0.1.0"

_HOMES = {
    "evolve.api.functions": ("FunctionProblem", "problem"),
    "evolve.api.optimizing": ("aoptimize", "aresume", "open_run", "optimize", "resume"),
    "evolve.api.progress": ("Progress",),
    "evolve.api.result": ("Result", "ScoredProgram"),
    "evolve.api.table": ("Table",),
    "evolve.errors": ("EvolveError",),
}


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> Any:
        for module, names in _HOMES.items():
            if name in names:
                return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
