"""The codes of the frames between judge and candidate."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

FIRST_SHARED_FD: Final = 4
"""Where a candidate's process finds the first open file that the judge shares with it; the others follow."""
MOST_SHARED_FDS: Final = 4


class Request(IntEnum):
    """What the judge asks for.

    LOAD comes first and may carry one request to do at once, so that the usual evaluation is one
    frame and one answer.
    """

    LOAD = 1
    CALL = 2
    MAP = 3
    RUN = 4


class Answer(IntEnum):
    """How the candidate's side says a request ended. The judge treats all of them as claims."""

    DONE = 0
    RAISED = 1
    REFUSED = 2
