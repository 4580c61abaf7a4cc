"""A proposal on its way: what was chosen, what was asked, what came back, how it ended.

The records of this module are the durable states of design: each is committed before the next
begins, so that a crash loses only work in flight::

    Selected -> (Prompted -> Completed)* -> Applied -> Evaluated* -> Finished
                                        \\-> Finished(rejected, with a cause)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program


class Placement(IntEnum):
    """What became of a program in the archive; truthy when it got a place."""

    NOT_PLACED = 0
    IMPROVED = 1
    """It displaced another program."""
    NEW = 2
    """It took an empty place."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the search decided for the next attempt."""

    parent: int
    inspirations: tuple[int, ...]
    island: int


@dataclass(frozen=True, slots=True)
class Selected:
    """A proposal was started. ``finished_before`` is how many attempts the search had been told of."""

    step: int
    choice: Choice
    operator: str
    finished_before: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One model call, complete: equal requests have equal hashes.

    Args:
        model: name as litellm knows it.
        messages: the prompt.
        settings: temperature, max_tokens, ... as sent.
        call: 0 for the first call of the proposal, then 1, 2, ... (a repair asks again).
    """

    model: str
    messages: tuple[Message, ...]
    settings: Mapping[str, object]
    call: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, and what it cost."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Prompted:
    """A model call is about to be sent."""

    step: int
    request_hash: str
    request: Request


@dataclass(frozen=True, slots=True)
class Completed:
    """A model call was answered and paid for."""

    step: int
    request_hash: str
    completion: Completion


@dataclass(frozen=True, slots=True)
class Applied:
    """The proposal became a program."""

    program: Program


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One stage of a program's evaluation ended."""

    step: int
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Finished:
    """The attempt is over and the search has been told.

    Args:
        step: the attempt.
        sequence: 0, 1, 2, ... in the order in which the search was told; what replay follows.
        outcome: of the last evaluation, or REJECTED when there is no program.
        cause: code of the rejection, empty otherwise.
        detail: sentence for people.
        placement: what the archive made of it.
        cell: where in the archive, ``""`` when it has no place.
    """

    step: int
    sequence: int
    outcome: Outcome
    cause: str = ""
    detail: str = ""
    placement: Placement = Placement.NOT_PLACED
    cell: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Anything else worth keeping: the run was started, paused, resumed, stopped, steered."""

    kind: str
    data: Mapping[str, object]


Record = Selected | Prompted | Completed | Applied | Evaluated | Finished | Event


@dataclass(frozen=True, slots=True)
class Attempt:
    """A finished attempt as the store gives it back, in ``sequence`` order.

    ``program`` carries no files (load them by step), so ``fingerprint`` is given beside it, empty
    without a program; ``evaluation`` is the last one that was not sealed, as the search was told.
    """

    selected: Selected
    program: Program | None
    evaluation: Evaluation | None
    finished: Finished
    cost_usd: float
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An attempt that a crash cut off, with everything it had already reached."""

    selected: Selected
    program: Program | None
    evaluations: tuple[Evaluation, ...]
