"""A proposal on its way: what was chosen, what was asked, what came back, how it ended.

The records of this module are the durable states of design: each is committed before the next
begins, so that a crash loses only work in flight::

    Selected -> (Prompted -> Called* -> Completed)* -> Applied -> Evaluated* -> Finished
                                                   \\-> Learned -> Finished(rejected, cause lesson)
                                                   \\-> Finished(rejected, with a cause)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final

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
    """What the search decided for the next attempt.

    ``wants`` names the operator that the search asks for, empty for any. It is a wish: who really
    proposes is on record with the attempt, so the wish is not.
    """

    parent: int
    inspirations: tuple[int, ...]
    island: int
    wants: str = field(default="", compare=False)


RESCORE: Final = "rescore"
"""The operator that makes nothing: the parent's program is judged again on the last stage."""
AUDIT: Final = "audit"
"""Makes nothing either: the parent's program is judged on the sealed stage, as its score is too good to believe."""
REPEATS: Final = frozenset({RESCORE, AUDIT})


@dataclass(frozen=True, slots=True)
class Selected:
    """A proposal was started.

    Args:
        step: the attempt.
        choice: parent, inspirations, island.
        operator: its name.
        finished_before: how many attempts the search had been told of.
        model: name of the ensemble's member that is asked; empty for operators that ask none.
        lessons: ids of the lessons that the prompt shows; what earns or loses them credit.
    """

    step: int
    choice: Choice
    operator: str
    finished_before: int
    model: str = ""
    lessons: tuple[int, ...] = ()


# ── what was learned ──────────────────────────────────────────────────────────────────────────
class LessonKind(StrEnum):
    """What a lesson is for."""

    INSIGHT = "insight"
    """A finding about the problem, shown to operators."""
    INSTRUCTION = "instruction"
    """A variant of how the model is told to work; it competes with the others."""
    HINT = "hint"
    """A person's advice; every prompt shows it while it lasts."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A short text drawn from evidence, which prompts may show.

    Args:
        id: ``step * LESSONS_PER_STEP + index`` of the attempt that drew it; of a hint, minus the number of
            the order. Unique in the run.
        kind: what it is for.
        text: what it says.
        parents: ids of the lessons it was made from.
        evidence: steps of the attempts it rests on.
        confidence: 0 to 1, as its author stated it; what it earned since is not kept here.
        expires_after: finished attempts after which it is shown no more; None for never.
    """

    id: int
    kind: LessonKind
    text: str
    parents: tuple[int, ...] = ()
    evidence: tuple[int, ...] = ()
    confidence: float = 0.5
    expires_after: int | None = None


LESSONS_PER_STEP = 16


# ── model calls ───────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Picture:
    """An image in a prompt; ``media_type`` is ``image/png`` or another that models read."""

    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    content: str
    pictures: tuple[Picture, ...] = ()


class CallState(StrEnum):
    """Where a model call is. A call ends VALIDATED or FAILED."""

    QUEUED = "queued"
    """Waiting for its turn under the limits on rate and concurrency."""
    SENT = "sent"
    BACKOFF = "backoff"
    """Waiting before it is sent again."""
    FALLBACK = "fallback"
    """Another member of the ensemble is asked instead."""
    ANSWERED = "answered"
    """An answer arrived and was paid for; whether it is usable is not known yet."""
    REASKED = "reasked"
    """The answer was unusable in a way that asking again may mend."""
    VALIDATED = "validated"
    FAILED = "failed"


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
    """What a model answered, and what it cost.

    ``fault`` is the code of what makes it unusable before anyone has looked for the wanted format
    (``truncated``, ``empty_answer``, ``refused``, ``degenerate``, ``echo``), empty if nothing does.
    """

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    seconds: float
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the model calls of an attempt used.

    ``calls`` counts one that was sent several times once; ``tokens`` are those of prompts and answers,
    as the provider counts them.
    """

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0


NO_USAGE: Final = Usage()


@dataclass(frozen=True, slots=True)
class Called:
    """A model call changed its state.

    Args:
        step, request_hash: the call.
        number: 0, 1, 2, ... for the transitions of one call under one lease; a call that is resumed
            after a crash begins again with 0. What tells a repeated write from a repeated backoff.
        state: what it is in now.
        model: who is asked.
        detail: the reason in words: an error, a wait, what is wrong with an answer.
        cost_usd: what this transition cost; only answers cost.
    """

    step: int
    request_hash: str
    number: int
    state: CallState
    model: str
    detail: str = ""
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Prompted:
    """A model call is about to be sent."""

    step: int
    request_hash: str
    request: Request


@dataclass(frozen=True, slots=True)
class Completed:
    """A model call was answered and paid for; its cost includes answers that were thrown away on the way."""

    step: int
    request_hash: str
    completion: Completion


@dataclass(frozen=True, slots=True)
class Learned:
    """The proposal drew lessons."""

    step: int
    lessons: tuple[Lesson, ...]


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
        cell: where in the archive; without a place ``""``, or what became of a program on trial.
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


Record = Selected | Prompted | Called | Completed | Learned | Applied | Evaluated | Finished | Event


@dataclass(frozen=True, slots=True)
class Attempt:
    """A finished attempt as the store gives it back, in ``sequence`` order.

    ``program`` carries no files (load them by step), so ``fingerprint`` is given beside it, empty
    without a program; ``evaluation`` is the last one that was not sealed, as the search was told (of an AUDIT the
    sealed one, as there is no other), and ``evaluation_s`` what all that were not sealed took.
    """

    selected: Selected
    program: Program | None
    evaluation: Evaluation | None
    finished: Finished
    usage: Usage
    fingerprint: str = ""
    lessons: tuple[Lesson, ...] = ()
    evaluation_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An attempt that a crash cut off, with everything it had already reached."""

    selected: Selected
    program: Program | None
    evaluations: tuple[Evaluation, ...]
