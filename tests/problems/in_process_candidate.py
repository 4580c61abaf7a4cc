"""A candidate that runs in the test's own process: for programs of this repository only.

It keeps the promises of ``evaluators.Candidate`` that a judge can see (arguments and answers are
copies, answers are data, each session loads the program afresh) and none that a hostile program
would break: it contains nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from evaluators import CandidateCrashed, CandidateRefused

SCALARS = (bool, int, float, str, bytes)


def as_data(value: Any) -> Any:
    """Return a copy made of plain data. Raises CandidateRefused for anything else."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufc":
            raise CandidateRefused(f"An array of {value.dtype} is not data.")
        return np.array(value, copy=True, subok=False)
    if isinstance(value, np.generic):
        return as_data(value.item())
    if value is None or isinstance(value, SCALARS):
        return value
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: as_data(item) for key, item in value.items()}
    raise CandidateRefused(f"{type(value).__name__} is not data.")


@dataclass
class InProcessSession:
    """Functions of one loaded program."""

    names: Mapping[str, Any]
    seconds: float = field(default=0.0)

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """Call a function; what it raises becomes CandidateCrashed."""
        target = self.names.get(function)
        if not callable(target):
            raise CandidateCrashed(f"The program defines no function {function!r}.")
        began = time.perf_counter()
        answer = _run(target, [as_data(arg) for arg in args], {key: as_data(arg) for key, arg in kwargs.items()})
        self.seconds += time.perf_counter() - began
        return as_data(answer)

    def map(self, function: str, calls: Iterable[Sequence[Any]], timeout_s: float | None = None) -> list[Any]:
        """Call a function once for each argument list."""
        return [self.call(function, *args) for args in calls]


@dataclass
class InProcessCandidate:
    """A program of this repository, loaded by ``exec`` from its entry file."""

    files: Mapping[str, str]
    entry: str

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """Load the program and call one function."""
        with self.session() as session:
            return session.call(function, *args, **kwargs)

    @contextmanager
    def session(self, timeout_s: float | None = None) -> Iterator[InProcessSession]:
        """Load the program for many calls."""
        names: dict[str, Any] = {"__name__": "candidate"}
        code = compile(self.files[self.entry], self.entry, "exec")
        _run(exec, [code, names], {})
        yield InProcessSession(names)

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> NoReturn:
        """Refused: commands need a sandbox."""
        raise CandidateCrashed("This candidate runs no commands.")

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> NoReturn:
        """Refused: commands need a sandbox."""
        raise CandidateCrashed("This candidate builds nothing.")

    def at_best(self, **metrics: float) -> None:
        """Nothing is stopped here."""

    def other(self, files: Mapping[str, str], entry: str | None = None) -> InProcessCandidate:
        """Return a second program."""
        return InProcessCandidate(files, entry or self.entry)


def _run(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:  # whatever a program raises is its crash
        raise CandidateCrashed(f"{type(error).__name__}: {error}") from error
