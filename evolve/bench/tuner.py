"""What the numeric tuner is worth beside edits of the syntax, on a program of which only the constants are wrong."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve.bench.problem_runs import run_seeds
from evolve.bench.search_race import located

LANDSCAPE = "constants8"
_OPERATORS = ("tune", "syntax")


@dataclass(frozen=True, slots=True)
class Reached:
    """The least loss that runs with a single operator found; ``losses`` has one for each seed, in order."""

    operator: str
    evaluations: int
    losses: tuple[float, ...]

    @property
    def median(self) -> float:
        """Of the seeds."""
        return statistics.median(self.losses)

    @property
    def best(self) -> float:
        """Of the best seed."""
        return min(self.losses)

    @property
    def worst(self) -> float:
        """Of the worst seed."""
        return max(self.losses)


def compared(tuned: int, edited: int, seeds: Sequence[int], problem: str = LANDSCAPE) -> Iterator[Reached]:
    """Run a problem with the tuner alone, and with edits of the syntax alone for as long and for longer.

    Args:
        tuned, edited: evaluations of the tuner and, the second time, of the edits.
        seeds: of the runs.
        problem: whose first objective is a loss.
    """
    for operator, evaluations in (("tune", tuned), ("syntax", tuned), ("syntax", edited)):
        yield Reached(operator, evaluations, tuple(_losses(problem, operator, evaluations, seeds)))


def _losses(problem: str, operator: str, evaluations: int, seeds: Sequence[int]) -> Iterator[float]:
    with tempfile.TemporaryDirectory() as folder:
        overrides = [
            f"problem={located(problem)}",
            *(f"mutation.weights.{name}={int(name == operator)}" for name in _OPERATORS),
            *("executor.width=1", "sandbox=process", "sealed=false", "budget.wall_s=null"),
            *(f"budget.evaluations={evaluations}", f"controller.stall={evaluations}"),
            f"store.url=sqlite:///{folder}/tuner.db",
        ]
        yield from (result.search for result in run_seeds(overrides, seeds, "seed"))
