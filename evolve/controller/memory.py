"""What operators are told of the past: failed siblings, the lineage of the parent, a digest of late.

A fold over finished attempts, live or out of the record. Texts are clipped when they come in, so its
size is bounded by the number of programs: the sum of what is kept of a program stays below 2 kB.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.program import SEED_STEP, Program
from evolve.interfaces import Change, Digest, Failure, Standing

WORSE = "worse"
NOT_ABOUT_THE_PARENT = frozenset({"lesson", "model_error"})
"""Causes that say nothing of a program."""
_LONGEST_DETAIL = 240
_LONGEST_SUMMARY = 160
_DEEPEST = 64
"""Ancestors looked at for a lineage of a few changes: edits without words are taken together."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """How a VALID program came about."""

    parent: int
    gains: tuple[float, ...]
    operator: str
    summary: str


class Memory:
    """Remembers attempts for the prompts of later ones.

    Args:
        max_failures: kept for each parent, the latest.
        max_parents: with failures; the one not tried for longest is forgotten first.
        max_changes: told of a lineage.
        recent: attempts that a digest is made from.
    """

    def __init__(
        self, *, max_failures: int = 4, max_parents: int = 4096, max_changes: int = 4, recent: int = 64
    ) -> None:
        self._max_failures = max_failures
        self._max_parents = max_parents
        self._max_changes = max_changes
        self._failures: OrderedDict[int, deque[Failure]] = OrderedDict()
        self._origins: dict[int, _Origin] = {}
        self._recent: deque[Failure | Change] = deque(maxlen=recent)

    def observe(
        self,
        scored: Scored,
        *,
        parent: int,
        program: Program | None = None,
        evaluation: Evaluation | None = None,
        cause: str = "",
        detail: str = "",
    ) -> None:
        """Learn how an attempt ended.

        Args:
            scored: what the search was told.
            parent: the program that was chosen, also when nothing came of it.
            program: what came of it; it needs no files.
            evaluation: the last one.
            cause, detail: why there is no program.
        """
        if scored.outcome is Outcome.INFRASTRUCTURE or cause in NOT_ABOUT_THE_PARENT:
            return
        summary = _summary(program)
        origin = self._origins.get(parent)
        before = origin.gains if origin is not None and scored.step != SEED_STEP else ()
        if scored.valid:
            self._origins[scored.step] = _Origin(parent, scored.gains, scored.operator, summary)
        if scored.step == SEED_STEP:
            return
        if scored.valid and not _no_better(scored.gains, before):
            self._recent.append(Change(scored.step, summary or scored.operator, before, scored.gains))
            return
        detail = detail or (evaluation.feedback if evaluation is not None else "")
        failure = _failure(scored, before, cause, detail, summary)
        self._recent.append(failure)
        self._keep(parent, failure)

    def failures(self, parent: int) -> Sequence[Failure]:
        """Return what was tried on a program lately and did not help, the latest first."""
        return list(reversed(self._failures.get(parent, ())))

    def lineage(self, step: int) -> Sequence[Change]:
        """Return the last changes that led to a program, the oldest first.

        Edits in a row that nobody described are one change, named by their operators.
        """
        changes: list[Change] = []
        silent: list[_Origin] = []
        last = step
        for _ in range(_DEEPEST):
            origin = self._origins.get(step)
            before = self._origins.get(origin.parent) if origin is not None and origin.parent != step else None
            if origin is None or before is None or len(changes) >= self._max_changes:
                break
            if not silent:
                last = step
            if origin.summary:
                changes += self._together(silent, last)
                changes.append(Change(step, origin.summary, before.gains, origin.gains))
                silent = []
            else:
                silent.append(origin)
            step = origin.parent
        changes += self._together(silent, last)
        return list(reversed(changes[: self._max_changes]))

    def digest(self, standings: Sequence[Standing] = (), *, changes: int = 8, failures: int = 8) -> Digest:
        """Return the recent past: what helped, and failures with as many different causes as there are."""
        late = list(reversed(self._recent))
        helped = [item for item in late if isinstance(item, Change)]
        failed = [item for item in late if isinstance(item, Failure)]
        return Digest(helped[:changes], _varied(failed, failures), standings)

    def _keep(self, parent: int, failure: Failure) -> None:
        kept = self._failures.setdefault(parent, deque(maxlen=self._max_failures))
        kept.append(failure)
        self._failures.move_to_end(parent)
        if len(self._failures) > self._max_parents:
            self._failures.popitem(last=False)

    def _together(self, silent: Sequence[_Origin], last: int) -> list[Change]:
        """``silent`` holds the latest first; ``last`` is the step of the latest."""
        if not silent:
            return []
        operators = list(dict.fromkeys(origin.operator for origin in reversed(silent)))
        count = f", {len(silent)} edits" if len(silent) > 1 else ""
        before = self._origins[silent[-1].parent].gains
        return [Change(last, f"{' and '.join(operators)}{count}", before, silent[0].gains)]


def _failure(scored: Scored, before: tuple[float, ...], cause: str, detail: str, summary: str) -> Failure:
    cause = cause or (WORSE if scored.valid else scored.outcome.value)
    if scored.valid:
        detail = f"{_numbers(scored.gains)} after {_numbers(before)}. {detail}"
    return Failure(scored.step, scored.operator, cause, _clipped(detail, _LONGEST_DETAIL), summary)


def _no_better(gains: tuple[float, ...], before: tuple[float, ...]) -> bool:
    """Whether a child equals its parent or is dominated by it; False if nothing is known of the parent."""
    return bool(before) and all(ours <= theirs for ours, theirs in zip(gains, before, strict=True))


def _varied(failures: Sequence[Failure], count: int) -> list[Failure]:
    """Return some failures, the latest of each cause before the second of any; the latest first."""
    seen: dict[str, int] = {}
    ranked: list[tuple[int, int, Failure]] = []
    for place, failure in enumerate(failures):
        ranked.append((seen.get(failure.cause, 0), place, failure))
        seen[failure.cause] = seen.get(failure.cause, 0) + 1
    chosen = sorted(ranked, key=lambda item: item[:2])[:count]
    return [failure for _, _, failure in sorted(chosen, key=lambda item: item[1])]


def _summary(program: Program | None) -> str:
    summary = program.detail.get("summary", "") if program is not None else ""
    return _clipped(summary, _LONGEST_SUMMARY) if isinstance(summary, str) else ""


def _clipped(text: str, limit: int) -> str:
    """Return the text on one line, its beginning and end if it is long: an error ends with its reason."""
    if len(text) > 4 * limit:
        text = f"{text[:limit]} {text[-limit:]}"
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    head = limit // 3
    return f"{line[:head]} ... {line[len(line) - (limit - head - 5) :]}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(repr(value) for value in values)
