"""Made-up histories of long runs: what a search of hundreds of thousands of programs leaves in a store.

Nothing is judged and no model is asked, but the records are those of a run, in its order, for the real write
path. Programs are a Python file of 5 kB and descend from each other as under a search: parents come from a small
population of the best, children differ by one or two small edits, records fall ever more rarely.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from evolve.domain.causes import Cause
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.domain.program import SEED_STEP, Program, automatic_features
from evolve.domain.proposal import (
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Finished,
    Message,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
)
from evolve.mutation.tune_session import Axis, Origin, Sample

MODEL = "made-up"
_POPULATION = 64
_TUNED = 30
_BLOCK = 4096
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
_SUM = re.compile(r" [+*-] ")
_ADDED = "    total = total + {:.4g} * weight / (work + {:.4g})\n"
_TERM = re.compile(r"    total = total \+ [\d.e-]+ \* weight / \(work \+ [\d.e-]+\)\n")
_HEAD = "    return total\n"
_REFUSED = "the same files as program {}"
_ERROR = """Traceback (most recent call last):
  File "workshop.py", line {}, in plan
    score = priority(work[rows], weight[rows], due[rows], now, free)
  File "workshop.py", line {}, in priority
FloatingPointError: overflow encountered in multiply"""
_PROMPT = """# Goal
Make the weighted tardiness small.
# Program {} (cost {:.4f})
{}
# Failed before
{}
Answer with a patch.
"""
_ANSWER = (
    "The look-ahead is too short while machines are far apart.\n<<<<<<< SEARCH\n{0}\n=======\n{0}{1}\n>>>>>>> REPLACE"
)


@dataclass(frozen=True, slots=True)
class Shares:
    """What part of the attempts ends without a program, fails under the judge, or asked a model."""

    rejected: float = 0.04
    failed: float = 0.16
    asked: float = 0.03


@dataclass(order=True, slots=True)
class _Member:
    """A program of the population; the worst comes first."""

    gain: float
    step: int
    text: str = field(compare=False)
    origin: Origin | None = field(default=None, compare=False)  # of the session that tuned it


class History:
    """Makes the records of one attempt after the other; the same for the same seed.

    Args:
        problem: of one objective and one file, ``evolve/bench/workshop``.
        seed: of all that is drawn.
        shares: of the ways in which attempts end.
    """

    def __init__(self, problem: Problem, seed: int = 0, shares: Shares | None = None) -> None:
        self._problem, self._seed, self._shares = problem, seed, shares or Shares()
        self._judge, self._stage = problem.judge_hash(), problem.stages[-1].name
        ((self._path, text),) = problem.seed().files.items()
        self._metrics = automatic_features({self._path: text}, problem.language)
        self._population = [_Member(-1.0, SEED_STEP, text)]
        self._best = self._population[0]
        self._told = Counter[int]()  # step that began a session -> samples drawn from it
        self._draws: Sequence[Sequence[float]] = ()

    def attempt(self, step: int) -> list[Record]:
        """Return the records of an attempt; they are asked for in order, beginning with the seed."""
        if step == SEED_STEP:
            return self._seeded()
        draws = self._drawn(step)
        parent = self._parent(draws[0])
        asked = draws[1] < self._shares.asked
        operator = "diff" if asked else "syntax" if draws[2] < 0.67 else "tune"
        choice = Choice(parent.step, self._inspirations(parent, draws[3]), 0)
        records: list[Record] = [Selected(step, choice, operator, step, MODEL if asked else "")]
        if asked:
            records += self._called(step, parent)
        if draws[4] < self._shares.rejected:
            refused = _REFUSED.format(parent.step)
            return [*records, Finished(step, step, Outcome.REJECTED, Cause.DUPLICATE, refused)]
        text, detail = self._tuned(step, parent) if operator == "tune" else self._edited(parent.text, draws)
        program = Program(
            step, {self._path: text}, (parent.step, *choice.inspirations), {"operator": operator, **detail}
        )
        origin = Origin.of(program.detail) if operator == "tune" else None
        return [*records, Applied(program), *self._judged(step, parent, text, origin, draws)]

    def _seeded(self) -> list[Record]:
        choice, member = Choice(SEED_STEP, (), 0), self._best
        evaluation = self._evaluation(-member.gain, member.text, 0.1)
        return [
            Selected(SEED_STEP, choice, "seed", 0),
            Applied(self._problem.seed()),
            Evaluated(SEED_STEP, evaluation),
            Finished(SEED_STEP, 0, Outcome.VALID, "", "", Placement.NEW, "i0:0,0"),
        ]

    def _drawn(self, step: int) -> Sequence[float]:
        """Return twelve numbers from 0 to 1."""
        if step % _BLOCK == 1 or not self._draws:
            self._draws = np.random.default_rng([self._seed, step // _BLOCK]).random((_BLOCK, 12)).tolist()
        return self._draws[step % _BLOCK]

    def _parent(self, draw: float) -> _Member:
        """Half of the attempts go on from the best, as climbing searches do."""
        return self._best if draw < 0.5 else self._population[int((draw - 0.5) * 2 * len(self._population))]

    def _inspirations(self, parent: _Member, draw: float) -> tuple[int, ...]:
        other = self._population[int(draw * len(self._population))]
        return tuple({self._best.step, other.step} - {parent.step})

    def _edited(self, text: str, draws: Sequence[float]) -> tuple[str, dict[str, object]]:
        """Change a number; now and then an operator; now and then add or remove a term."""
        text, edit = self._with_edit(text, draws)
        return text, {"edits": [edit]}

    def _with_edit(self, text: str, draws: Sequence[float]) -> tuple[str, str]:
        kind, where, size = draws[5:8]
        if kind < 0.75:
            return _with_number(text, where, size)
        if kind < 0.9:
            found = list(_SUM.finditer(text))
            at = found[int(where * len(found))].start() + 1
            sign = "+*-"[int(size * 3)]
            return f"{text[:at]}{sign}{text[at + 1 :]}", f"operator {text[at : at + 1]} -> {sign}"
        if len(text) < 5400:
            head, tail = text.split(_HEAD, 1)
            return f"{head}{_ADDED.format(where, 9 * size)}{_HEAD}{tail}", "a term more"
        return _TERM.sub("", text, count=1), "a term less"

    def _tuned(self, step: int, parent: _Member) -> tuple[str, dict[str, object]]:
        """Move all constants a little, as a draw of the session that the parent comes from, or begins."""
        values = [float(number) for number in _NUMBER.findall(parent.text)]
        origin = parent.origin
        if origin is None or origin.literals != len(values):
            axes = tuple([Axis(value, False) for value in values[:_TUNED]])
            origin = Origin(parent.step, tuple(range(len(axes))), len(values), axes)
        drawn = np.random.default_rng(step).normal(1.0, 0.1, len(origin.axes)).tolist()
        texts = iter([f"{value * factor:.6g}" for value, factor in zip(values, drawn, strict=False)])
        text = _NUMBER.sub(lambda _: next(texts), parent.text, count=len(drawn))
        return text, {**origin.detail(), **Sample(self._generation(origin), tuple(drawn)).detail()}

    def _generation(self, origin: Origin) -> int:
        """Return the generation that a session of CMA-ES would be in."""
        self._told[origin.session] += 1
        return (self._told[origin.session] - 1) // (4 + int(3 * math.log(len(origin.axes))))

    def _judged(
        self, step: int, parent: _Member, text: str, origin: Origin | None, draws: Sequence[float]
    ) -> list[Record]:
        seconds = 0.02 + 0.05 * draws[8]
        if draws[9] < self._shares.failed:
            error = _ERROR.format(60 + step % 50, 30 + step % 30)
            evaluation = Evaluation(self._stage, Outcome.CRASHED, self._judge, feedback=error, seconds=seconds)
            return [Evaluated(step, evaluation), Finished(step, step, Outcome.CRASHED)]
        gain = parent.gain + 0.02 * (draws[10] - 0.98) * abs(parent.gain) * draws[11]
        placement, cell = self._placed(_Member(gain, step, text, origin))
        evaluation = self._evaluation(-gain, text, seconds)
        return [Evaluated(step, evaluation), Finished(step, step, Outcome.VALID, "", "", placement, cell)]

    def _evaluation(self, cost: float, text: str, seconds: float) -> Evaluation:
        shape = {**self._metrics, "program_lines": float(text.count("\n")), "program_bytes": float(len(text))}
        metrics = {**shape, "cost": cost, "idle": (cost * 7919.0) % 1.0}
        return Evaluation(
            self._stage,
            Outcome.VALID,
            self._judge,
            metrics=metrics,
            feedback=f"Done at {388 * cost:.0f}.",
            seconds=seconds,
        )

    def _placed(self, member: _Member) -> tuple[Placement, str]:
        if member.gain > self._best.gain:
            self._best = member
        if len(self._population) < _POPULATION:
            heapq.heappush(self._population, member)
            return Placement.NEW, f"i0:{member.step % 10},{member.step % 7}"
        if member.gain <= self._population[0].gain:
            return Placement.NOT_PLACED, ""
        heapq.heapreplace(self._population, member)
        return Placement.IMPROVED, f"i0:{member.step % 10},{member.step % 7}"

    def _called(self, step: int, parent: _Member) -> list[Record]:
        prompt = _PROMPT.format(parent.step, -parent.gain, parent.text, _ERROR.format(step % 90, 40))
        request = Request(MODEL, (Message("system", "You improve programs."), Message("user", prompt)), {"seed": step})
        name = hashlib.sha256(f"{step}".encode()).hexdigest()
        line = parent.text.splitlines()[40 + step % 60]
        answer = Completion(_ANSWER.format(line, f" * {step % 13}.5"), MODEL, "stop", 1600, 90, 0.002, 3.0)
        states = (CallState.SENT, CallState.ANSWERED, CallState.VALIDATED)
        sent, *others = [Called(step, name, number, state, MODEL) for number, state in enumerate(states)]
        return [Prompted(step, name, request), sent, Completed(step, name, answer), *others]


def _with_number(text: str, where: float, size: float) -> tuple[str, str]:
    found = list(_NUMBER.finditer(text))
    number = found[int(where * len(found))]
    new = f"{float(number[0]) * (0.5 + size) + 1e-3:.5g}"
    new = new if "." in new else f"{new}.0"
    line = text.count("\n", 0, number.start()) + 1
    return f"{text[: number.start()]}{new}{text[number.end() :]}", f"constant {number[0]} -> {new} (line {line})"


def batches(history: History, first: int, last: int, attempts: int) -> Iterator[list[Record]]:
    """Yield the records of attempts ``first`` to ``last`` - 1, so many attempts at once."""
    for start in range(first, last, attempts):
        yield [record for step in range(start, min(start + attempts, last)) for record in history.attempt(step)]
