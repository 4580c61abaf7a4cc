"""A mutator that uses what its prompt shows, whichever system wrote the prompt.

It finds the other programs of a prompt with their scores, lines them up with the current one, and
then, by chance,

- moves the constants of a line toward those of a better program, or away from those of a worse one, by
  a random share of the difference (as in differential evolution: Storn and Price 1997);
- takes a line over from a better program;
- or changes a constant or operator blindly, but neither writes a line that is shown as failed nor moves a
  constant the way that failed.

With nothing to read it is the blind mutator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np

from evolve.bench.answers import COMMENTS, NUMBER, Prompt, Reply, changed, editable_lines, mutated_line
from evolve.mutation.fences import Fence, answer_lines, fences

_NUM = r"([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)"
_GOAL = re.compile(r"\b(Minimize|Maximize) (\w+)")
_SCORE = re.compile(rf"\((?:combined_)?score: {_NUM}", re.IGNORECASE)
_COMBINED = re.compile(rf"combined score to maximize: {_NUM}", re.IGNORECASE)
_FITNESS = re.compile(rf"^\W*fitness: {_NUM}", re.IGNORECASE | re.MULTILINE)
_FAILURES = re.compile(r"^#+ .*(?:failed attempts|attempt \d+)", re.IGNORECASE)
_HEADING = re.compile(r"^#+ ")
_FAILED = re.compile(r"outcome:.*(?:regression|no change|fail)|error", re.IGNORECASE)
_NEAR = 4  # lines of prose beside a fence in which its score may stand
_ALIKE = 0.5  # least share of lines that another program has in common with the current one, up to constants
_MOVE, _COPY = 0.45, 0.2
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Other:
    """Another program in a prompt; ``lead`` is its score less the current one's, higher is better, None if unknown."""

    lines: tuple[str, ...]
    lead: float | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A line, and what it is to become."""

    index: int
    line: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a prompt shows beside the current program."""

    others: tuple[Other, ...]
    failures: str


def read_and_change(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Answer a prompt that shows a program."""
    reading = read(prompt, rng)
    edit = drawn_edit(prompt, reading, rng)
    return changed(prompt, edit.index, edit.line, f"Line {edit.index + 1} becomes: {edit.line.strip()}")


def drawn_edit(prompt: Prompt, reading: Reading, rng: np.random.Generator) -> Edit:
    """Return a change of one line in view of what a prompt shows."""
    moves, copies = _moves(prompt, reading.others, rng), _copies(prompt, reading.others)
    for _ in range(_TRIES):
        luck = rng.random()
        if moves and luck < _MOVE:
            edit = moves[int(rng.integers(len(moves)))]
        elif copies and luck < _MOVE + _COPY:
            edit = copies[int(rng.integers(len(copies)))]
        else:
            edit = Edit(*mutated_line(prompt.program, rng))
        if not _is_known_to_fail(prompt.program[edit.index], edit.line, reading.failures):
            break
    return edit


# ── what the prompt shows ─────────────────────────────────────────────────────────────────────
def read(prompt: Prompt, rng: np.random.Generator) -> Reading:
    """Return the other programs of a prompt that are like the current one, and its words on failures.

    Of several goals one is drawn, by which scores are compared.
    """
    lines = answer_lines(prompt.text)
    found = [fence for fence in fences(lines) if fence.lines and "SEARCH" not in fence.lines[0]]
    current = next((fence for fence in reversed(found) if fence.lines == prompt.program), None)
    goals = _GOAL.findall(prompt.text)
    goal = goals[int(rng.integers(len(goals)))] if goals else None
    known = _score(lines, found, current, goal) if current is not None else None
    others = []
    for fence in found:
        if fence is not current and fence.lines != prompt.program and _alike(prompt.program, fence.lines):
            score = _score(lines, found, fence, goal)
            others.append(Other(fence.lines, None if score is None or known is None else score - known))
    return Reading(tuple(others), "\n".join(_failure_lines(lines)))


def _alike(program: Sequence[str], other: Sequence[str]) -> bool:
    shared = {_skeleton(line) for line in program if line.strip()}
    mine = [_skeleton(line) for line in other if line.strip()]
    return bool(mine) and sum(line in shared for line in mine) / len(mine) >= _ALIKE


def _skeleton(line: str) -> str:
    return NUMBER.sub("#", line.strip())


def _score(lines: Sequence[str], found: Sequence[Fence], fence: Fence, goal: tuple[str, str] | None) -> float | None:
    """Return the score that stands beside a fence, higher is better: the named goal's, above; else a score in
    brackets or a fitness, above; else the combined score, below."""
    above, below = _beside(lines, found, fence)
    if goal is not None:
        named = re.search(rf"(?:^|: ){goal[1]} = {_NUM}", above, re.MULTILINE)
        if named:
            return float(named[1]) * (1.0 if goal[0] == "Maximize" else -1.0)
    for pattern, text in ((_SCORE, above), (_COMBINED, below)):
        match = pattern.search(text)
        if match:
            return float(match[1])
    fitness = _FITNESS.search("\n".join(lines[: fence.first]))
    return float(fitness[1]) if fitness and "current program" in above.lower() else None


def _beside(lines: Sequence[str], found: Sequence[Fence], fence: Fence) -> tuple[str, str]:
    """Return the prose right above a fence and right below it, up to the next fences."""
    stop = fence.first + len(fence.lines) + 2
    ends = [other.first + len(other.lines) + 2 for other in found if other.first < fence.first]
    starts = [other.first for other in found if other.first > fence.first]
    above = [line for line in lines[max([0, *ends]) : fence.first] if line.strip()]
    below = [line for line in lines[stop : min([len(lines), *starts])] if line.strip()]
    return "\n".join(above[-_NEAR:]), "\n".join(below[:_NEAR])


def _failure_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines on what failed: a list of failed attempts, or an attempt whose outcome was no good."""
    for first, line in enumerate(lines):
        if not _FAILURES.match(line):
            continue
        stop = next((i for i in range(first + 1, len(lines)) if _HEADING.match(lines[i])), len(lines))
        part = lines[first + 1 : stop]
        if "failed" in line.lower() or any(_FAILED.search(each) for each in part):
            yield from part


# ── what to make of it ────────────────────────────────────────────────────────────────────────
def _pairs(prompt: Prompt, other: Other) -> Iterator[tuple[int, str, bool]]:
    """Yield lines of the current program that may change, with what stands in their place in another program,
    and whether the two differ in constants only."""
    mine = [i for i in editable_lines(prompt.program) if prompt.program[i].strip()]
    theirs = [line for line in other.lines if line.strip()]
    left, right = [_skeleton(prompt.program[i]) for i in mine], [_skeleton(line) for line in theirs]
    for kind, i, i_stop, j, j_stop in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind in ("equal", "replace") and i_stop - i == j_stop - j:
            for index, line in zip(mine[i:i_stop], theirs[j:j_stop], strict=True):
                if line.strip() != prompt.program[index].strip() and not line.lstrip().startswith(COMMENTS):
                    yield index, line, kind == "equal"


def _moves(prompt: Prompt, others: Sequence[Other], rng: np.random.Generator) -> list[Edit]:
    return [
        Edit(index, moved)
        for other in others
        for index, line, only_constants in _pairs(prompt, other)
        if only_constants and (moved := _moved(prompt.program[index], line, _step(other, rng))) != prompt.program[index]
    ]


def _step(other: Other, rng: np.random.Generator) -> float:
    """Return which way to go along the difference to another program, and how far."""
    if other.lead is None or other.lead == 0:
        return float(rng.normal(0.0, 0.7))
    return float(rng.uniform(0.3, 1.7)) if other.lead > 0 else -float(rng.uniform(0.2, 1.2))


def _moved(mine: str, theirs: str, step: float) -> str:
    """Return my line with its constants moved along the difference to theirs."""
    values = iter([match[0] for match in NUMBER.finditer(theirs)])

    def between(match: re.Match[str]) -> str:
        value = next(values)
        if value == match[0]:
            return match[0]
        number = float(match[0]) + step * (float(value) - float(match[0]))
        if re.fullmatch(r"\d+", match[0]) and re.fullmatch(r"\d+", value):
            return str(max(round(number), 0))
        return repr(number)

    return NUMBER.sub(between, mine)


def _copies(prompt: Prompt, others: Sequence[Other]) -> list[Edit]:
    """Return lines of better programs in place of the current one's, with the indentation of the latter."""
    return [
        Edit(
            index,
            prompt.program[index][: len(prompt.program[index]) - len(prompt.program[index].lstrip())] + line.strip(),
        )
        for other in others
        if other.lead is None or other.lead > 0
        for index, line, _ in _pairs(prompt, other)
    ]


def _is_known_to_fail(old: str, new: str, failures: str) -> bool:
    """Whether the new line is among the failures, or moves a constant the way it was moved by one of them."""
    if not failures:
        return False
    if new.strip() in failures:
        return True
    if _skeleton(old) != _skeleton(new):
        return False
    tried = re.search(_NUM.join(re.escape(part) for part in _skeleton(new).split("#")), failures)
    if tried is None:
        return False
    before, after = _numbers(old), _numbers(new)
    failed = [float(value) for value in tried.groups()]
    return any((a - b) * (c - b) > 0 for b, a, c in zip(before, after, failed, strict=True) if a != b and c != b)


def _numbers(line: str) -> list[float]:
    return [float(match[0]) for match in NUMBER.finditer(line.strip())]
