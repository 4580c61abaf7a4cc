"""Every error a user can meet.

::

    EvolveError
    ├── ConfigurationError      a setting is unknown, missing or contradictory; nothing was spent
    ├── ProblemError            a problem folder is incomplete or says something impossible
    ├── StoreError              the record cannot be read or written
    │   ├── StoreAway           the database cannot be used for now; the same call may pass later
    │   ├── StoreLocked         another process holds the run's lease
    │   ├── StoreTooNew         the file was written by a newer version
    │   ├── LeaseLost           another controller took the run over; this one must stop writing
    │   └── NotFound            no such run or program
    ├── SandboxUnavailable      our machinery failed, never the program's fault
    ├── SeedNotValid            the seed program does not evaluate VALID
    ├── ModelError              a model call failed for good; fatal if every other would too
    └── ProposalRejected        an operator could not make a program; carries a cause code
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EvolveError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(EvolveError):
    """A setting is unknown, missing or contradictory."""


class ProblemError(EvolveError):
    """A problem folder is incomplete or inconsistent."""


class StoreError(EvolveError):
    """The record cannot be read or written."""


class StoreAway(StoreError):
    """The database cannot be read or written for now: locked, full, read-only, out of reach.

    Nothing of the call was done, or all of it, if the answer was lost. Another try may pass.
    """


class StoreLocked(StoreError):
    """Another process holds the run's lease."""


class StoreTooNew(StoreError):
    """The database was written by a newer version of this package."""


class LeaseLost(StoreError):
    """Another controller holds the run now; the caller must stop writing at once."""


class NotFound(StoreError):
    """No such run, program or completion."""


class SandboxUnavailable(EvolveError):
    """The sandbox machinery failed. Never raised for what a program did."""


class SeedNotValid(EvolveError):
    """The seed program does not evaluate VALID, so there is nothing to start from."""


class ModelError(EvolveError):
    """A model call failed for good.

    Args:
        message: what happened and what to do.
        fatal: whether no other call can succeed either (a wrong key, an unknown model, a setting
            that the model refuses), so that the run should stop at once. Otherwise this call used
            up its retries, or its prompt was refused, and the next may pass.
    """

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.fatal = fatal


class ProposalRejected(EvolveError):
    """An operator could not turn its selection into a program.

    Args:
        cause: short stable code, counted in reports: one of :class:`evolve.domain.causes.Cause`.
        detail: what was expected and what was found, shown to people and to the next prompt.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = str(cause)  # of an enum's member, the plain text
        self.detail = detail


def nearest(unknown: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the closest of ``known``, or lists them all."""
    names = sorted(known)
    close = difflib.get_close_matches(unknown, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}? Known: {', '.join(names)}."
    return f"Known: {', '.join(names) or 'none'}."
