"""Prompts for operators that draw lessons: the recent past as numbered evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.domain.proposal import Message
from evolve.interfaces import Change, Digest, Standing
from evolve.mutation.fences import fence_for
from evolve.mutation.templating import Templates


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A change as templates see it."""

    step: int
    summary: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StandingView:
    """A lesson as templates see it, with what it earned in two digits."""

    id: int
    text: str
    percentile: str
    shown: int


class DigestPrompt:
    """Builds the messages out of a Digest. Its size does not depend on how long the run has lasted.

    Templates are ``digest_system.j2`` and one for each kind; an unknown name in them is an error.

    Args:
        template_dir: folder whose templates replace the bundled ones of the same name.
    """

    def __init__(self, template_dir: Path | str | None = None) -> None:
        self._templates = Templates(None if template_dir is None else Path(template_dir))

    def messages(
        self, kind: str, problem: Problem, digest: Digest, standings: Sequence[Standing], *, most: int, longest: int
    ) -> tuple[Message, ...]:
        """Return the messages. Raises ConfigurationError that names a faulty template."""
        values = {
            "problem": problem,
            "goals": [_goal(o.name, o.direction) for o in problem.objectives],
            "changes": [_change(change) for change in digest.changes],
            "failures": digest.failures,
            "standings": [_standing(standing) for standing in standings],
            "fence": fence_for(*_texts(digest, standings)),
            "most": most,
            "longest": longest,
        }
        system, user = (self._templates.render(name, values) for name in ("digest_system.j2", f"{kind}.j2"))
        return Message("system", system), Message("user", user)


def _goal(name: str, direction: Direction) -> str:
    return name if direction is Direction.MAXIMIZE else f"-{name}"


def _change(change: Change) -> ChangeView:
    before, after = (", ".join(map(repr, gains)) or "nothing" for gains in (change.before, change.after))
    return ChangeView(change.step, change.summary, before, after)


def _standing(standing: Standing) -> StandingView:
    lesson = standing.lesson
    return StandingView(lesson.id, lesson.text, f"{standing.percentile:.2f}", round(standing.shown))


def _texts(digest: Digest, standings: Sequence[Standing]) -> Iterable[str]:
    yield from (change.summary for change in digest.changes)
    for failure in digest.failures:
        yield from (failure.summary, failure.detail)
    yield from (standing.lesson.text for standing in standings)
