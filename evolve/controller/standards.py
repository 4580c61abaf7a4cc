"""What the best program so far scored stage by stage: what gates and bars beside the best are relative to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from evolve.domain.evaluation import Evaluation, Scored
from evolve.domain.problem import Beside, Problem
from evolve.evaluation.cascade import Standard, standard

_KEPT = 1024


class Standards:
    """Knows the scores of every program that may be the best.

    Args:
        problem: whose stages say whether anything is measured beside the best.
        load: reads the evaluations of a step that is on record.
    """

    def __init__(self, problem: Problem, load: Callable[[int], Sequence[Evaluation]]) -> None:
        rules = [rule for stage in problem.stages for rule in (stage.gate, stage.interim) if rule is not None]
        self._wanted = any(rule.beside is Beside.BEST for rule in rules)
        self._load = load
        # The record of a program may not be written yet when it becomes the best.
        self._kept: OrderedDict[int, Standard] = OrderedDict()

    def note(self, step: int, evaluations: Sequence[Evaluation]) -> None:
        """Keep what a program scored that may soon be the best."""
        if self._wanted:
            self._kept[step] = standard(evaluations)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def of(self, best: Scored | None) -> Standard:
        """Return what the best program scored; nothing if nobody asks."""
        if best is None or not self._wanted:
            return {}
        if best.step not in self._kept:
            self.note(best.step, self._load(best.step))
        self._kept.move_to_end(best.step)
        return self._kept[best.step]
