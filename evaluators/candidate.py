"""The judge's handle on a program that runs elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class CandidateError(Exception):
    """The program failed. Raised out of ``evaluate``, it becomes the evaluation's outcome."""


class CandidateCrashed(CandidateError):
    """The program raised, exited or was killed for using too much of something other than time."""


class CandidateTimedOut(CandidateError):
    """The program did not answer within its time."""


class CandidateRefused(CandidateError):
    """The program answered with something that is not data: wrong type, too large, malformed."""


class Hopeless(BaseException):
    """The evaluation is stopped, because its result cannot come near the bar any more.

    Raised by ``Candidate.at_best`` for the harness; a judge that catches it changes nothing.
    """


@dataclass(frozen=True)
class Finished:
    """How a command ended: exit code (negative: killed by that signal) and what it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes
    seconds: float


class Session(Protocol):
    """One candidate process. State inside the program persists from call to call.

    A call that times out, or an answer that is no answer, ends the process; every later call then
    raises the same error. An exception inside the program does not end it.
    """

    @property
    def seconds(self) -> float:
        """The judge's own wall clock over all calls so far."""

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """Call a function of the entry file; return its answer as plain data and numpy arrays."""

    def map(self, function: str, calls: Iterable[Sequence[Any]], timeout_s: float | None = None) -> list[Any]:
        """Call a function once for each argument list, in one round trip; return the answers."""


class Candidate(Protocol):
    """A program under judgement, seen from the judge. The program never runs in this process.

    Arguments and answers are data: None, bool, int, float, str, bytes, lists, tuples (which arrive
    as lists), dicts with string keys, and numpy arrays of bool, int, uint, float or complex.
    Whatever else the program returns raises CandidateRefused. Any CandidateError that ``evaluate``
    does not catch ends the evaluation with the outcome of the same name.
    """

    files: Mapping[str, str]
    """The program's text, path -> text (read-only)."""

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """Load the program in a fresh process, call one function, end the process."""

    def session(self, timeout_s: float | None = None) -> AbstractContextManager[Session]:
        """Load the program in a fresh process for many cheap calls; ended on leaving the block."""

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> Finished:
        """Run a command in a folder that holds the program's files (any language)."""

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> Finished:
        """Run a command whose files stay for later ``run`` calls of this evaluation.

        Raises CandidateCrashed with the compiler's words when it exits with an error.
        """

    def at_best(self, **metrics: float) -> None:
        """Report what the final metrics will at best be, by what is known by now.

        A promise of the judge: when the evaluation ends, each metric is as reported or worse. An
        evaluation whose bound is worse than what problem.yaml asks for (``interim`` of the stage) is
        stopped here and ends as rejected; this call does not return then. It costs microseconds
        and may be made in every turn of a loop, between calls of the program::

            for done, instance in enumerate(instances, 1):
                bins += pack(session, instance)
                candidate.at_best(bins=bins + least_bins(instances[done:]))

        Raises what makes an evaluation INVALID for values that are no finite numbers.
        """

    def other(self, files: Mapping[str, str], entry: str | None = None) -> Candidate:
        """Return a second program, such as a baseline, to be run in the same sandbox under the same limits.

        Its time counts toward the same budget, and one process of all programs runs at a time: a
        session must end before the next begins. ``entry`` is the candidate's own where not given.
        What it raises is a CandidateError like any other; the judge knows whose fault it is.
        Raises ValueError when ``entry`` is not among ``files``.
        """
