"""Who breeds: the chance of each elite to become a parent.

A rule sees the elites of one island and returns chances; it keeps nothing. What may be chosen is
sampled, never the one of greatest value alone: attempts that are begun before any of them has ended
would all go to that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.errors import ConfigurationError
from evolve.search.pareto import non_dominated
from evolve.search.tradeoffs import quality, tchebycheff

FloatArray = NDArray[np.float64]

_STEEPEST = 30.0
"""Bound on the sigmoid's argument that leaves every elite a chance."""
_LEAST_SPREAD = 1e-12
"""Smallest spread told apart from 0, beside the largest deviation."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The elites of an island, best first; of equals at the top the one told last. n is at least 1.

    Args:
        elites: the programs, n of them.
        gains: their first objectives, shape (n,).
        children: finished attempts that each was the parent of, failures included, shape (n,).
        accepted: how many of these children got a place, shape (n,).
        valid: programs offered to this island, migrants included.
        stagnation: attempts on this island since its last record.
        momentum: mean of recent squared relative improvements of the island's best; 0 when it stands still.
        rivals: all gains of the first elites, those that break constraints as little as the best, shape (m,
            objectives); m is at least 1 and at most n.
    """

    elites: Sequence[Scored]
    gains: FloatArray
    children: FloatArray
    accepted: FloatArray
    valid: int = 0
    stagnation: int = 0
    momentum: float = 0.0
    rivals: FloatArray = field(default_factory=lambda: np.zeros((1, 1)))


class ParentRule(Protocol):
    """Turns the elites of an island into chances."""

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return each elite's chance to be the parent, shape (n,), summing to 1."""


class LeaderParents:
    """The leader alone: hill climbing, drifting on plateaus."""

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return 1 for the first."""
        chances = np.zeros(len(ranking.gains))
        chances[0] = 1.0
        return chances


class FrontParents:
    """The elites that no other dominates, all alike; with one objective the leader alone: hill climbing."""

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return equal chances on the front."""
        chances = np.zeros(len(ranking.gains))
        if ranking.rivals.shape[1] == 1:
            chances[0] = 1.0
        else:
            chances[: len(ranking.rivals)] = non_dominated(ranking.rivals)
        return _normalised(chances)


class TradeoffParents:
    """The elites that are best for some trade-off between the objectives; with one objective the leader alone.

    Each of a few fixed trade-offs has the same share, and gives it to the elite that is best for it (``tradeoffs``,
    scaled to the elites that break constraints as little as the leader): fewer parents than the front has members.

    Args:
        tradeoffs: how many. With two objectives they are spread evenly, the middle one included if the
            number is odd; with more they are drawn once.
    """

    def __init__(self, *, tradeoffs: int) -> None:
        if tradeoffs < 1:
            raise ConfigurationError(f"tradeoffs: expected at least 1, found {tradeoffs}.")
        self._count = tradeoffs

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return each elite's share of the trade-offs."""
        chances = np.zeros(len(ranking.gains))
        scaled = quality(ranking.rivals)
        if scaled.shape[1] == 1:
            chances[0] = 1.0
            return chances
        for weights in self._weights(scaled.shape[1]):
            chances[int(tchebycheff(scaled, weights).argmin())] += 1.0 / self._count
        return chances

    def _weights(self, objectives: int) -> FloatArray:
        if objectives > 2:
            return np.random.default_rng(0).dirichlet(np.ones(objectives), self._count)
        first = (np.arange(self._count) + 0.5) / self._count
        return np.stack([first, 1.0 - first], axis=1)


class UniformParents:
    """Every elite alike, as MAP-Elites draws (arXiv:1504.04909)."""

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return equal chances."""
        return np.full(len(ranking.gains), 1.0 / len(ranking.gains))


class RankParents:
    """Softmax over ranks: a rank weighs exp(-rank / top), rank 0 being the best.

    Args:
        top: about this many elites share most of the chances.
    """

    def __init__(self, *, top: float) -> None:
        if not top > 0:
            raise ConfigurationError(f"top is a number of elites, expected more than 0, found {top}.")
        self._top = top

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the normalised weights."""
        return _normalised(np.exp(-np.arange(len(ranking.gains)) / self._top))


class RankedParents:
    """Exploit the best ranks with a fixed chance, else explore all cells; both prefer the untried.

    Args:
        exploit: chance of choosing by rank, 0 to 1.
        top: exploitation spreads over about this many elites: a rank weighs exp(-rank / top).
    """

    def __init__(self, *, exploit: float, top: float) -> None:
        if not 0 <= exploit <= 1:
            raise ConfigurationError(f"exploit is a chance, expected 0 to 1, found {exploit}.")
        if not top > 0:
            raise ConfigurationError(f"top is a number of elites, expected more than 0, found {top}.")
        self._exploit = exploit
        self._top = top

    def chances(self, ranking: Ranking) -> FloatArray:
        """Mix rank and uniform weights, each divided by 1 + children."""
        untried = 1.0 / (1.0 + ranking.children)
        ranked = np.exp(-np.arange(len(ranking.gains)) / self._top) * untried
        return self._exploit * _normalised(ranked) + (1.0 - self._exploit) * _normalised(untried)


class WeightedParents:
    """Weigh each elite by how far it stands above the median, without regard to the score's scale.

    The weight is sigmoid(sharpness * (gain - median) / MAD) / (1 + children), after ShinkaEvolve
    (arXiv:2509.19349); MAD is the median absolute deviation.

    Args:
        sharpness: 0 ignores the score; larger values favour the upper half more.
    """

    def __init__(self, *, sharpness: float) -> None:
        if not sharpness >= 0:
            raise ConfigurationError(f"sharpness must not be negative, found {sharpness}.")
        self._sharpness = sharpness

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the normalised weights."""
        height = np.clip(self._sharpness * _robust_scores(ranking.gains), -_STEEPEST, _STEEPEST)
        return _normalised((1.0 + np.tanh(height / 2)) / (1.0 + ranking.children))


class UcbParents:
    """Elites whose children get places, and those that were hardly tried (UCB1; Auer et al. 2002).

    The value is a + exploration * sqrt(ln(1 + N) / (1 + n)), with n children of the elite, N of all, and a
    = (accepted + 1) / (n + 2) its acceptance rate. Chances are the softmax of value / temperature.

    Args:
        exploration: weight of the bonus for the hardly tried.
        temperature: small ones come near the elite of greatest value alone.
    """

    def __init__(self, *, exploration: float, temperature: float) -> None:
        if not exploration >= 0:
            raise ConfigurationError(f"exploration must not be negative, found {exploration}.")
        if not temperature > 0:
            raise ConfigurationError(f"temperature: expected more than 0, found {temperature}.")
        self._exploration = exploration
        self._temperature = temperature

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the softmax of the values."""
        rate = (ranking.accepted + 1.0) / (ranking.children + 2.0)
        bonus = np.sqrt(np.log1p(ranking.children.sum()) / (1.0 + ranking.children))
        return softmax((rate + self._exploration * bonus) / self._temperature)


class MixedParents:
    """One of several rules, each with its share of the draws.

    Args:
        shares: weight of each rule, by any name.
        rules: the rules, under the same names.
    """

    def __init__(self, *, shares: dict[str, float], rules: dict[str, ParentRule]) -> None:
        if set(shares) != set(rules):
            raise ConfigurationError(
                f"shares are of {sorted(shares)}, rules are {sorted(rules)}: expected the same names."
            )
        if min(shares.values(), default=-1.0) < 0 or not sum(shares.values()) > 0:
            raise ConfigurationError(f"shares: expected numbers of at least 0, not all of them 0, found {shares}.")
        total = sum(shares.values())
        self._parts = [(shares[name] / total, rules[name]) for name in shares if shares[name]]

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the chances of the mixture."""
        mixed = np.zeros(len(ranking.gains))
        for share, rule in self._parts:
            mixed += share * rule.chances(ranking)
        return mixed


class AdaptiveParents:
    """Explore more where improvement has ceased (AdaEvolve, arXiv:2602.20133).

    The chance to explore is least + (most - least) / (1 + sqrt(G)) with G the island's momentum in units of
    ``scale``: an island that stands still explores with chance ``most``.

    Args:
        exploit, explore: the rules to choose between.
        least, most: bounds on the chance to explore, 0 to 1.
        scale: relative improvement per attempt that halves the way from ``most`` to ``least``.
    """

    def __init__(self, *, exploit: ParentRule, explore: ParentRule, least: float, most: float, scale: float) -> None:
        if not 0 <= least <= most <= 1:
            raise ConfigurationError(f"least and most are chances, expected 0 to 1 in order, found {least}, {most}.")
        if not scale > 0:
            raise ConfigurationError(f"scale: expected more than 0, found {scale}.")
        self._exploit, self._explore = exploit, explore
        self._least, self._most, self._scale = least, most, scale

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the mixture of both rules that the momentum asks for."""
        pace = float(np.sqrt(ranking.momentum)) / self._scale
        intensity = self._least + (self._most - self._least) / (1.0 + pace)
        return intensity * self._explore.chances(ranking) + (1.0 - intensity) * self._exploit.chances(ranking)


class ImpatientParents:
    """Explore the more the longer no record has fallen.

    The chance to explore is least + (most - least) * s / (s + patience) after s attempts without a record.

    Args:
        exploit, explore: the rules to choose between.
        least, most: bounds on the chance to explore, 0 to 1.
        patience: attempts without a record that are halfway from ``least`` to ``most``.
    """

    def __init__(self, *, exploit: ParentRule, explore: ParentRule, least: float, most: float, patience: float) -> None:
        if not 0 <= least <= most <= 1:
            raise ConfigurationError(f"least and most are chances, expected 0 to 1 in order, found {least}, {most}.")
        if not patience > 0:
            raise ConfigurationError(f"patience: expected more than 0 attempts, found {patience}.")
        self._exploit, self._explore = exploit, explore
        self._least, self._most, self._patience = least, most, patience

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the mixture of both rules that the stagnation asks for."""
        waited = ranking.stagnation / (ranking.stagnation + self._patience)
        intensity = self._least + (self._most - self._least) * waited
        return intensity * self._explore.chances(ranking) + (1.0 - intensity) * self._exploit.chances(ranking)


def softmax(values: FloatArray) -> FloatArray:
    """Return exp(values), normalised."""
    return _normalised(np.exp(values - values.max()))


def _normalised(weights: FloatArray) -> FloatArray:
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _robust_scores(gains: FloatArray) -> FloatArray:
    """Return distances from the median in units of the MAD; of the mean deviation when the MAD is 0."""
    halves = gains / 2  # the difference of two halves cannot overflow
    deviations = halves - np.median(halves)
    largest = float(np.abs(deviations).max())
    if largest == 0.0:
        return np.zeros_like(gains)
    deviations = deviations / largest
    spread = float(np.median(np.abs(deviations))) or float(np.abs(deviations).mean())
    return np.asarray(deviations / max(spread, _LEAST_SPREAD), dtype=np.float64)
