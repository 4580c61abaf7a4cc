"""What runs without a model reach on every problem of the library, beside the seed and the best known value."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve import configuration, wiring
from evolve.controller.loop import Loop
from evolve.controller.run import Result, start_run
from evolve.domain.problem import Problem

_HEAD = ("| folder | goal | seed | after | sealed: seed | after | best known | judged |", "|---" * 8 + "|")


@dataclass(frozen=True, slots=True)
class Reached:
    """What one run reached in the first objective of a problem, in its own unit.

    Args:
        seed, after: of the seed and of the best program, where the search saw them.
        sealed_seed, sealed_after: the same on the instances kept for the end; None where there are none.
        known: best value known for these parameters, None where there is none.
        evaluations: programs judged.
        seconds: of work.
    """

    problem: str
    objective: str
    direction: str
    seed: float
    after: float
    sealed_seed: float | None
    sealed_after: float | None
    known: float | None
    evaluations: int
    seconds: float

    @property
    def better(self) -> bool:
        """Whether the run improved on the seed."""
        return self.after > self.seed if self.direction == "maximize" else self.after < self.seed


def reached(names: Sequence[str], seconds: float, overrides: Sequence[str]) -> Iterator[Reached]:
    """Run each problem once without a model, one after the other; yield what each reached.

    A store of its own is made for each run and thrown away.
    """
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            settings = [
                f"problem={configuration.quoted(name)}",
                *("llm=none", "seed=1", f"budget.wall_s={seconds}"),
                f"store.url=sqlite:///{Path(folder) / 'library.db'}",
            ]
            yield _run([*settings, *overrides])


def _run(settings: Sequence[str]) -> Reached:
    config = configuration.configure(settings)
    parts = wiring.build(config)
    loops: list[Loop] = []
    result = asyncio.run(start_run(parts, wiring.new_run(config, parts), loops.append))
    return _summary(parts.problem, result, loops[0])


def _summary(problem: Problem, result: Result, loop: Loop) -> Reached:
    lead = problem.objectives[0]
    sealed = {contender.name: contender.evaluation.metrics.get(lead.name) for contender in result.sealed}
    known = problem.known_gain()
    spent = loop.progress.spent
    return Reached(
        problem.name,
        lead.name,
        lead.direction,
        result.seed.metrics[lead.name],
        result.best.metrics[lead.name],
        sealed.get("seed"),
        sealed.get("best"),
        None if known is None else lead.gain(known),
        spent.evaluations,
        spent.wall_s,
    )


def markdown(rows: Sequence[Reached]) -> str:
    """Return the rows as a table."""
    return "\n".join([*_HEAD, *(_line(row) for row in rows)])


def _line(row: Reached) -> str:
    after = f"**{number(row.after)}**" if row.better else number(row.after)
    cells = [
        row.problem,
        f"{row.objective} {row.direction[:3]}",
        *(number(row.seed), after, number(row.sealed_seed), number(row.sealed_after), number(row.known)),
        str(row.evaluations),
    ]
    return f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    """Return a number as it is shown: six digits, nothing for none."""
    return "" if value is None else f"{value:.6g}"
