from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from evolve.bench import tuner
from evolve.bench.search_race import LANDSCAPES

JUDGE = runpy.run_path(str(LANDSCAPES / tuner.LANDSCAPE / "evaluate.py"))


def test_the_optimum_of_the_landscape_is_where_it_says_and_no_control_can_be_set_alone() -> None:
    loss, best = JUDGE["loss"], JUDGE["BEST"]
    assert loss(best.tolist()) == 0.0
    around = best + 0.1 * np.eye(len(best))
    assert min(loss(point.tolist()) for point in around) > 0
    off = best + 0.5 * JUDGE["AXES"][0]  # along the flattest axis: each control moved back alone makes it worse
    alone = [np.where(np.arange(len(best)) == place, best, off) for place in range(len(best))]
    assert sum(loss(point.tolist()) > loss(off.tolist()) for point in alone) >= len(best) - 2


def test_tuning_alone_gets_further_than_edits_in_more_evaluations() -> None:
    tuned, as_long, longer = tuner.compared(100, 150, seeds=(1,))
    assert (tuned.operator, as_long.operator, longer.operator) == ("tune", "syntax", "syntax")
    assert (as_long.evaluations, longer.evaluations) == (100, 150)
    assert longer.best <= longer.median <= longer.worst
    assert tuned.worst < min(as_long.best, longer.best)


def test_a_problem_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="nowhere"):
        list(tuner.compared(5, 5, (1,), problem=str(tmp_path / "nowhere")))
