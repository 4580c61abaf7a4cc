"""FunSearch's population: programs clustered by how they score, the shorter preferred.

Romera-Paredes et al. 2024, "Mathematical discoveries from program search with large language models",
Nature 625, Methods: "Program clusters".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.lots import lot
from evolve.search.parents import FloatArray, Ranking, softmax
from evolve.search.pareto import best_first

Signature = tuple[float, ...]


def signature(scored: Scored) -> Signature:
    """Return how constraints are broken, the gains, and the scores per instance in the order of their names.

    FunSearch has the last alone. Programs that differ in the others are not alike: a short one that breaks a
    constraint would stand in for one that keeps it.
    """
    instances = [scored.per_instance[name] for name in sorted(scored.per_instance)]
    return (scored.violation, *scored.gains, *instances)


def length(scored: Scored) -> float:
    """Return the program's size: the first number of its shape, 0 where there is none."""
    return scored.shape[0] if scored.shape else 0.0


class SignatureClusters:
    """Clusters of programs that score alike on every instance.

    FunSearch keeps every program; here a cluster keeps its shortest, the newer of equals, and the worst cluster
    goes when there are too many: its chance would be next to nothing.

    Args:
        features: not used.
        clusters: kept at most.
        members: kept of a cluster at most.
    """

    def __init__(self, *, features: Sequence[Feature], clusters: int, members: int) -> None:
        if clusters < 1 or members < 1:
            raise ConfigurationError(f"archive: expected clusters, members of at least 1, found {clusters}, {members}.")
        self._most, self._members = clusters, members
        self._clusters: dict[Signature, list[Scored]] = {}
        self._size = 0

    def __len__(self) -> int:
        """Number of programs kept."""
        return self._size

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program to its cluster."""
        key = signature(scored)
        cluster = self._clusters.get(key)
        if cluster is None:
            return self._found(key, scored)
        if scored.step in [member.step for member in cluster]:
            return Placement.NOT_PLACED, ""
        cluster.append(scored)
        cluster.sort(key=lambda member: (length(member), -member.step))
        self._size += 1
        placement = Placement.NEW
        if len(cluster) > self._members:
            self._size -= 1
            if cluster.pop() is scored:
                return Placement.NOT_PLACED, ""
            placement = Placement.IMPROVED
        return placement, _name(key)

    def rival(self, scored: Scored) -> Scored | None:
        """Return None: places go by signature and length, not by gains."""
        return None

    def correct(self, scored: Scored) -> None:
        """Take in that a program's gains are known better now; it stays in its cluster."""
        for cluster in self._clusters.values():
            cluster[:] = [scored if member.step == scored.step else member for member in cluster]

    def elites(self) -> Sequence[Scored]:
        """Return the programs kept, cluster by cluster in the order in which they were found."""
        return [member for cluster in self._clusters.values() for member in cluster]

    def _found(self, key: Signature, scored: Scored) -> tuple[Placement, str]:
        self._clusters[key] = [scored]
        self._size += 1
        if len(self._clusters) <= self._most:
            return Placement.NEW, _name(key)
        least = best_first([cluster[0] for cluster in self._clusters.values()])[-1]
        worst = next(name for name, cluster in self._clusters.items() if cluster[0] is least)
        self._size -= len(self._clusters.pop(worst))
        return (Placement.NOT_PLACED, "") if worst == key else (Placement.IMPROVED, _name(key))


class ClusterParents:
    """A cluster by its score, then a program of it by its length.

    A cluster of score s is drawn with chance softmax(s / T), T = temperature * (1 - (n mod period) / period) with
    n VALID programs on the island; a program of length l with chance softmax(-(l - min) / (max + 1e-6)
    / length_temperature). FunSearch takes scores as they are; here they are shares of the
    island's range of scores, so that one temperature fits every problem.

    Args:
        temperature: at the beginning of a period.
        period: VALID programs in which the temperature falls towards 0.
        length_temperature: small ones prefer short programs more.
    """

    def __init__(self, *, temperature: float, period: int, length_temperature: float) -> None:
        if not (temperature > 0 and period >= 1 and length_temperature > 0):
            raise ConfigurationError(
                "parents: expected temperature, length_temperature above 0 and period of at least 1, "
                f"found {temperature}, {length_temperature}, {period}."
            )
        self._temperature, self._period = temperature, period
        self._length_temperature = length_temperature

    def chances(self, ranking: Ranking) -> FloatArray:
        """Return the chance of each program: that of its cluster times that within the cluster."""
        numbers: dict[Signature, int] = {}
        cluster = np.array([numbers.setdefault(signature(elite), len(numbers)) for elite in ranking.elites])
        _, first = np.unique(cluster, return_index=True)
        of_cluster = softmax(self._heights(ranking.gains[first], ranking.valid))
        within = self._shortness(np.array([length(elite) for elite in ranking.elites]), cluster)
        return np.asarray(of_cluster[cluster] * within / np.bincount(cluster, within)[cluster], dtype=np.float64)

    def _shortness(self, sizes: FloatArray, cluster: NDArray[np.intp]) -> FloatArray:
        """Return each program's weight among those of its cluster."""
        least, most = np.full(len(sizes), np.inf), np.zeros(len(sizes))
        np.minimum.at(least, cluster, sizes)
        np.maximum.at(most, cluster, sizes)
        shorter = -(sizes - least[cluster]) / (most[cluster] + 1e-6)
        return np.asarray(np.exp(shorter / self._length_temperature), dtype=np.float64)

    def _heights(self, scores: FloatArray, valid: int) -> FloatArray:
        halves = scores / 2  # the difference of two halves cannot overflow
        spread = float(np.ptp(halves)) or 1.0
        temperature = self._temperature * (1.0 - (valid % self._period) / self._period)
        return np.asarray((halves - halves.max()) / spread / temperature, dtype=np.float64)


def _name(key: Signature) -> str:
    return f"s{lot(16**8, *key):08x}"
