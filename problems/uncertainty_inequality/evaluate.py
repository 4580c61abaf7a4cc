"""Judge of the uncertainty principle for signs: the last change of sign of a polynomial, isolated exactly.

P is even, so P(x) = Q(x^2), and Q has rational coefficients, as doubles are rational. Q(0) = 0 is arranged
exactly. The last t > 0 with a change of sign is found by Sturm's theorem in integers: the chain
counts the distinct roots in an interval, so roots are isolated from the right, and one where Q does not
change its sign is passed over. The reported r^2 is the right end of an interval around the root whose
width is below 2**-60 of it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, common_integers

MOST = 24
LARGEST_RATIO = 1e60  # of the coefficients: beyond, some contribute nothing but digits
Polynomial = list[int]  # whole coefficients, constant term first, last one not 0


# ── polynomials ───────────────────────────────────────────────────────────────────────────────
def hermite(degree: int) -> Polynomial:
    """Return H_degree, of even degree, as a polynomial in t = x^2."""
    half = degree // 2
    signed = [
        (-1) ** (half - j) * (math.factorial(degree) // (math.factorial(half - j) * math.factorial(2 * j))) * 4**j
        for j in range(half + 1)
    ]
    return signed


def combination(coefficients: list[int]) -> Polynomial:
    """Return sum c_i H_(4i) + c_m H_(4m), with the c_m that makes it vanish at 0, over t^j and times a positive number.

    t^j is the highest power that divides it. Empty if the sum is 0.
    """
    m = len(coefficients)
    last = hermite(4 * m)
    total = [0] * len(last)
    for i, factor in enumerate(coefficients):
        for j, value in enumerate(hermite(4 * i)):
            total[j] += factor * value
    # H_(4m)(0) > 0, so this multiplies the combination by a positive number.
    scaled = [last[0] * value for value in total]
    zero_at_0 = [value - total[0] * other for value, other in zip(scaled, last, strict=True)]
    while zero_at_0 and zero_at_0[0] == 0:
        zero_at_0 = zero_at_0[1:]
    return trimmed(zero_at_0)


def trimmed(polynomial: Polynomial) -> Polynomial:
    """Return the polynomial without leading zeros and without a common factor."""
    while polynomial and polynomial[-1] == 0:
        polynomial = polynomial[:-1]
    shared = math.gcd(*polynomial) if polynomial else 1
    return [value // shared for value in polynomial]


def sign_at(polynomial: Polynomial, t: Fraction) -> int:
    """Return -1, 0 or 1."""
    value, power = 0, 1
    for coefficient in reversed(polynomial):  # Horner, times the denominator at each step
        value = value * t.numerator + coefficient * power
        power *= t.denominator
    return (value > 0) - (value < 0)


def sturm_chain(polynomial: Polynomial) -> list[Polynomial]:
    """Return Sturm's chain, each member up to a positive factor."""
    chain = [polynomial, trimmed([k * value for k, value in enumerate(polynomial)][1:])]
    while len(chain[-1]) > 1:
        rest = remainder(chain[-2], chain[-1])
        if not rest:
            break
        chain.append([-value for value in rest])
    return chain


def remainder(dividend: Polynomial, divisor: Polynomial) -> Polynomial:
    """Return a positive multiple of the remainder of a division."""
    rest, lead = list(dividend), divisor[-1]
    while len(rest) >= len(divisor):
        factor, shift = rest[-1], len(rest) - len(divisor)
        rest = [value * abs(lead) for value in rest]
        for k, value in enumerate(divisor):
            rest[shift + k] -= factor * value * (1 if lead > 0 else -1)
        rest = rest[:-1]
        while rest and rest[-1] == 0:
            rest.pop()
    return trimmed(rest)


def changes(chain: list[Polynomial], t: Fraction) -> int:
    """Return how often the sign changes along the chain at t."""
    signs = [sign for sign in (sign_at(member, t) for member in chain) if sign]
    return sum(a != b for a, b in pairwise(signs))


# ── the last change of sign ───────────────────────────────────────────────────────────────────
def last_change(polynomial: Polynomial) -> tuple[Fraction, int]:
    """Return a tight upper bound on the last root t > 0 at which the sign changes, and how many roots come after it.

    The leading coefficient is positive. Returns 0 if there is no such root.
    """
    chain = sturm_chain(polynomial)
    right = Fraction(2) ** (2 + max(abs(value) // polynomial[-1] for value in polynomial).bit_length())  # Cauchy
    passed = 0
    while True:
        found = last_root(chain, right)
        if found is None:
            return Fraction(0), passed
        low, high = found
        if sign_at(polynomial, low) < 0:
            return high, passed
        right = low
        passed += 1


def last_root(chain: list[Polynomial], right: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return an interval (low, high] with the last root in (0, right) alone, no root at low; None without a root."""
    low, high = Fraction(0), right
    at_low, at_high = changes(chain, low), changes(chain, high)
    if at_low == at_high:
        return None
    while high - low > low / 2**60 or at_low - at_high > 1:
        middle = cut(chain[0], low, high)
        at_middle = changes(chain, middle)
        if at_middle > at_high:
            low, at_low = middle, at_middle
        else:
            high = middle
    return low, high


def cut(polynomial: Polynomial, low: Fraction, high: Fraction) -> Fraction:
    """Return a point between two others that is no root: the middle unless that is one."""
    cuts = (low + (high - low) / k for k in range(2, len(polynomial) + 3))
    return next(point for point in cuts if sign_at(polynomial, point))


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one combination of Hermite polynomials."""
    answer = candidate.call("coefficients")
    problem = array_fault(answer, "coefficients()", (None,))
    if problem:
        return invalid(problem)
    values = answer.astype(np.float64)
    if len(values) > MOST:
        return invalid(f"coefficients() returned {len(values)} numbers; at most {MOST} are allowed.")
    sizes = np.abs(values[values != 0])
    if len(sizes) and sizes.max() / sizes.min() > LARGEST_RATIO:
        return invalid(f"The greatest coefficient is more than {LARGEST_RATIO:g} times the least one other than 0.")
    polynomial = combination(common_integers(values)[0].tolist())
    if len(polynomial) < 2:
        return invalid("The combination is 0 everywhere: some coefficient must differ from 0.")
    return _score(values, polynomial)


def _score(values: Any, polynomial: Polynomial) -> Score:
    lead = 1 if polynomial[-1] > 0 else -1
    squared, passed = last_change([lead * value for value in polynomial])
    bound = math.nextafter(float(squared), math.inf) / (2 * math.pi) * (1 + 2.0**-51)
    if not math.isfinite(bound):
        return invalid("The last change of sign lies beyond 1e308.")
    metrics = {"bound": bound, "coefficients": float(len(values)), "roots_behind": float(passed)}
    feedback = (
        f"Valid. bound {bound!r} with {len(values)} coefficients and the forced last one: "
        f"the last change of sign is at r = {math.sqrt(squared):.12g}; behind it P touches 0 at {passed} points. "
        "The best functions nearly touch 0 behind r, at double zeros."
    )
    return Score(
        metrics=metrics, feedback=feedback, artifacts={"coefficients.csv": "\n".join(map(repr, values.tolist())) + "\n"}
    )
