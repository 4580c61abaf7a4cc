"""Every archive of ours keeps its contract. A new one is one line in ARCHIVES."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import pytest

from evolve.conformance.archive import ArchiveSuite, MakeArchive
from evolve.domain.evaluation import Scored
from evolve.domain.objective import Feature
from evolve.interfaces import Archive
from evolve.search.cvt import CVTArchive
from evolve.search.grid import GridArchive
from evolve.search.instances import InstanceWinners
from evolve.search.pareto import ParetoFront
from evolve.search.several import SeveralArchives
from evolve.search.signatures import SignatureClusters


def of_cells(axes: Literal["features", "shape", "both"], cells: int, seed: int, features: Sequence[Feature]) -> Archive:
    return CVTArchive(features=features, cells=cells, axes=axes, seed=seed)


def clusters(features: Sequence[Feature]) -> Archive:
    return SignatureClusters(features=features, clusters=100, members=3)


def several(features: Sequence[Feature]) -> Archive:
    few = partial(SignatureClusters, clusters=100, members=2)
    return SeveralArchives(features=features, archives={"grid": GridArchive, "clusters": few})


ARCHIVES: dict[str, MakeArchive] = {
    "grid": lambda features: GridArchive(features=features),
    "pareto": lambda features: ParetoFront(features=features),
    "cvt_features": partial(of_cells, "features", 5, 0),
    "cvt_shape": partial(of_cells, "shape", 9, 1),
    "cvt_both": partial(of_cells, "both", 9, 2),
    "signatures": clusters,
}


class TestArchives(ArchiveSuite):
    @pytest.fixture(params=ARCHIVES)
    def make_archive(self, request: pytest.FixtureRequest) -> MakeArchive:
        return ARCHIVES[request.param]


class TestInstanceWinners(ArchiveSuite):
    @pytest.fixture
    def make_archive(self) -> MakeArchive:
        return lambda features: InstanceWinners(features=features)

    def may_displace(self, scored: Scored, better: Scored) -> bool:
        """One that is better on an instance, however much worse by the objectives."""
        mine, theirs = scored.per_instance, better.per_instance
        return any(mine.get(name, -math.inf) > theirs.get(name, -math.inf) for name in "abc")


class TestSeveral(ArchiveSuite):
    same_size_in_any_order = False  # of equal programs, one archive may hold another one than the next

    @pytest.fixture
    def make_archive(self) -> MakeArchive:
        return several

    def may_displace(self, scored: Scored, better: Scored) -> bool:
        """One may go from the clusters by its length, and be in no other archive."""
        return True
