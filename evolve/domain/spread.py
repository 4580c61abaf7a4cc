"""Repeated measurements in a few numbers: mean, deviation, interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """``count`` measurements: their mean and standard deviation, and half the width of the 95 % interval of the
    mean (Student's t); infinite for a single measurement."""

    count: int
    mean: float
    sd: float
    half_width: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Summarise at least one measurement."""
        count = len(values)
        if count < 2:
            return Spread(count, values[0], 0.0, math.inf)
        if min(values) == max(values):  # no rounding errors where there is no noise
            return Spread(count, values[0], 0.0, 0.0)
        sd = stdev(values)
        return Spread(count, fmean(values), sd, student_t(count - 1) * sd / math.sqrt(count))

    @property
    def relative_sd(self) -> float:
        """The deviation as a share of the mean; infinite where the mean is 0."""
        if not self.sd:
            return 0.0
        return self.sd / abs(self.mean) if self.mean else math.inf

    def detectable(self) -> float:
        """Return the smallest improvement that one evaluation of each of two programs shows, at 95 %."""
        return student_t(self.count - 1) * self.sd * math.sqrt(2) if self.count > 1 else math.inf

    def repeats_for(self, difference: float) -> float:
        """Return how many evaluations of each of two programs show a true difference four times in five, at 95 %
        (normal approximation); 1 without noise."""
        if not self.sd:
            return 1
        if not difference:
            return math.inf
        z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
        return max(1, math.ceil(2 * (z * self.sd / difference) ** 2))


def student_t(freedom: int, confidence: float = _CONFIDENCE) -> float:
    """Return how many standard errors the interval of this confidence reaches to either side of the mean.

    Hill's expansion (Algorithm 396, CACM 13, 1970), right to six digits.
    """
    p = 1 - confidence
    if freedom == 1:
        return 1 / math.tan(p * math.pi / 2)
    if freedom == 2:
        return math.sqrt(2 / (p * (2 - p)) - 2)
    a = 1 / (freedom - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * freedom
    y = (d * p) ** (2 / freedom)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(p / 2)
        y = x * x
        if freedom < 5:
            c += 0.3 * (freedom - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = (
            1 / (((freedom + 6) / (freedom * y) - 0.089 * d - 0.822) * (freedom + 2) * 3) + 0.5 / (freedom + 4)
        ) * y - 1
        y = y * (freedom + 1) / (freedom + 2) + 1 / (d * p) ** (2 / freedom)
    return math.sqrt(freedom * y)
