"""Whether the cheap stages of a cascade rank programs as the last one does.

Rank correlation is Spearman's: of Pearson's kind between ranks, equal values sharing the mean of
their ranks. Its interval is Fisher's, with the variance of Bonett and Wright (Psychometrika 65,
2000): (1 + rho^2 / 2) / (n - 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Store

FEWEST: Final = 4
"""Programs without which there is no interval."""
LOW: Final = 0.5
_Z: Final = 1.959963984540054  # of a two-sided interval of 95 %

Numbers = Sequence[float] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a stage ranks programs beside the last stage.

    Args:
        stage, metric: what an earlier stage is judged by: its gate's metric, else the leading objective.
        last_stage, last_metric: what it should tell: the leading objective on the last stage.
        programs: how many passed every stage up to the last one; only these are compared.
        stopped: how many have a score on the stage and none on the last: most were stopped by a gate or
            a bar. They are likely to be worse on both, so that among all programs the correlation is
            higher than ``rho``.
        rho: rank correlation of gains, 1 for the same order; None where all values are equal.
        low, high: interval of 95 %; None with fewer than FEWEST programs.
    """

    stage: str
    metric: str
    last_stage: str
    last_metric: str
    programs: int
    stopped: int
    rho: float | None
    low: float | None
    high: float | None

    @property
    def is_low(self) -> bool:
        """Whether the stage surely predicts little: the whole interval lies below LOW."""
        return self.high is not None and self.high < LOW

    def in_words(self) -> str:
        """Return a sentence for people."""
        what = f"{self.stage} ({self.metric}) and {self.last_stage} ({self.last_metric})"
        if self.rho is None:
            return f"Rank correlation of {what}: unknown, {self.programs} programs passed both, too few or too alike."
        interval = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        seen = f"{self.programs} programs that passed both; {self.stopped} ended between them and are not in it"
        words = f"Rank correlation of {what}: {self.rho:.2f}{interval} over {seen}."
        if not self.is_low:
            return words
        return (
            f"{words} Warning: stage {self.stage} hardly predicts {self.last_stage}, a gate there stops good programs."
        )


def agreements(store: Store, run: str, problem: Problem) -> list[Agreement]:
    """Return what the record of a run says of each earlier stage; nothing for a problem of one stage."""
    *earlier, last = problem.stages
    lead = problem.objectives[0]
    final = store.scores(run, last.name, lead.name) if earlier else {}
    found = []
    for stage in earlier:
        judged_by = next(o for o in problem.objectives if stage.gate is None or o.name == stage.gate.metric)
        scores = store.scores(run, stage.name, judged_by.name)
        refused = store.scores(run, stage.name, judged_by.name, Outcome.REJECTED)
        both = sorted(scores.keys() & final.keys())
        rho = spearman([judged_by.gain(scores[step]) for step in both], [lead.gain(final[step]) for step in both])
        low, high = interval(rho, len(both))
        stopped = len(scores) + len(refused) - len(both)
        found.append(Agreement(stage.name, judged_by.name, last.name, lead.name, len(both), stopped, rho, low, high))
    return found


def ranks(values: Numbers) -> npt.NDArray[np.float64]:
    """Return the rank of each value, from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: npt.NDArray[np.float64] = last - (counts - 1) / 2
    return means[place.reshape(-1)]


def spearman(left: Numbers, right: Numbers) -> float | None:
    """Return the rank correlation of two lists of finite numbers; None if one has fewer than two different values."""
    a, b = (ranks(values) - (len(values) + 1) / 2 for values in (left, right))
    size = math.sqrt(float(a @ a) * float(b @ b))
    return min(1.0, max(-1.0, float(a @ b) / size)) if size else None


def interval(rho: float | None, count: int) -> tuple[float, float] | tuple[None, None]:
    """Return an interval of 95 % for a rank correlation of ``count`` pairs, or nothing for too few."""
    if rho is None or count < FEWEST:
        return None, None
    # Perfect order among a few is no proof of perfect order: half of the smallest step below 1 is taken off.
    most = 1 - 6 / (count * (count**2 - 1))
    z = math.atanh(min(most, max(-most, rho)))
    half = _Z * math.sqrt((1 + rho**2 / 2) / (count - 3))
    low, high = math.tanh(z - half), math.tanh(z + half)
    return min(low, rho), max(high, rho)
