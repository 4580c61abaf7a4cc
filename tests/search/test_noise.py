from __future__ import annotations

import math

import numpy as np
import pytest

from evolve.search.levels import Levels
from evolve.search.noise import Measured, Noise, log_evidence


def measured(rng: np.random.Generator, levels: list[float], relative: float, absolute: float, repeats: int) -> Noise:
    noise = Noise()
    for level in levels:
        known = Measured()
        for _ in range(repeats):
            gains = (level + (relative * level + absolute) * float(rng.normal()),)
            if known.count:
                noise.note(known, gains)
            known.add(gains)
    return noise


def test_the_deviation_is_pooled_over_programs_of_different_means() -> None:
    noise = measured(np.random.default_rng(0), [1.0, 50.0, -20.0] * 40, 0.0, 2.0, 3)
    assert noise.freedom == 240
    assert noise.sd(0, 1.0) == pytest.approx(2.0, abs=4 * noise.sd_error(0, 1.0))
    assert not noise.is_relative(0)


def test_deviations_in_proportion_to_the_mean_are_found_to_be_so() -> None:
    noise = measured(np.random.default_rng(1), [1.0, 10.0, 100.0] * 8, 0.05, 0.0, 3)
    assert noise.is_relative(0)
    assert noise.sd(0, 10.0) == pytest.approx(0.5, rel=0.3)
    assert noise.sd(0, 100.0) == pytest.approx(5.0, rel=0.3)


def test_few_repeats_are_taken_with_caution() -> None:
    few = measured(np.random.default_rng(2), [0.0], 0.0, 1.0, 5)
    assert few.cautious_sd(0, 0.0) == pytest.approx(few.sd(0, 0.0) * math.sqrt(2))


def test_evidence_for_nothing_rarely_exceeds_its_level_however_often_one_looks() -> None:
    rng, crossed = np.random.default_rng(3), 0
    for _ in range(2000):
        means = rng.normal(size=60).cumsum() / np.arange(1, 61)
        crossed += any(log_evidence(mean, 1 / n, 1.0) >= math.log(20) for n, mean in enumerate(means, start=1))
    assert crossed / 2000 < 0.05


def test_evidence_far_below_and_far_above_is_finite() -> None:
    assert -50 < log_evidence(-1e3, 1e-4, 1.0) < -10
    assert log_evidence(1e3, 1e-4, 1.0) > 1e3
    falling = [log_evidence(-z, 1.0, 1.0) for z in np.linspace(0, 80, 200)]
    assert falling == sorted(falling, reverse=True)


def test_the_levels_never_exceed_what_acceptances_pay_for() -> None:
    levels, spent, accepted = Levels(0.05), 0.0, 0
    for test in range(2000):
        level = levels.spend()
        assert level > 0
        spent += level
        assert spent <= 0.05 * (accepted + 1)
        if test % 37 == 36:
            levels.reward()
            accepted += 1
