"""A program on trial: what it may be worth, and when its repeats are evidence enough."""

from __future__ import annotations

import math

import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.search.noise import Measured, Noise
from evolve.search.trial import Estimate, Trial, Verdict, Weighing


def challenger(*repeats: float, threshold: float = math.log(20)) -> Trial:
    scored = Scored(1, 0, (0,), "test", Outcome.VALID, (5.0,))
    trial = Trial(scored, scored, Estimate(0.0, 1.0), threshold)
    for value in repeats:
        trial.measured.add((value,))
    return trial


def weighing(*, most: int = 24) -> Weighing:
    """Return one that knows a noise of about 1."""
    noise, seed = Noise(), Measured()
    for value in (0.0, 1.2, -1.2, 0.7, -0.7, 1.0, -1.0):
        if seed.count:
            noise.note(seed, (value,))
        seed.add((value,))
    return Weighing(noise, worth=1.5, most=most)


def test_an_estimate_moves_with_a_score_by_how_much_it_is_in_doubt() -> None:
    known = Estimate(0.0, 0.0).of_child(1.0).after(2.0, variance=1.0)
    assert known == Estimate(1.0, 0.5)
    further = known.after(2.0, variance=1.0)
    assert 1.0 < further.mean < 2.0
    assert further.variance < known.variance


def test_without_noise_an_estimate_is_the_score() -> None:
    assert Estimate(0.0, 0.0).of_child(0.0).after(2.0, variance=0.0).mean == 2.0


@pytest.mark.parametrize(
    ("repeats", "verdict"),
    [
        ((), Verdict.OPEN),
        ((1.0,), Verdict.OPEN),
        ((4.0, 4.5, 4.2, 4.3), Verdict.BETTER),
        ((-0.5, -0.4, -0.6, -0.5), Verdict.NO_BETTER),
    ],
)
def test_fresh_repeats_alone_decide(repeats: tuple[float, ...], verdict: Verdict) -> None:
    assert weighing().verdict(challenger(*repeats), Measured(8, (0.0,))) is verdict


def test_a_challenger_that_had_all_its_repeats_is_no_better() -> None:
    assert weighing(most=2).verdict(challenger(0.9, 0.9, threshold=9.0), Measured(8, (0.0,))) is Verdict.NO_BETTER
