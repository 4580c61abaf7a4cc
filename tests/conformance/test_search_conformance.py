"""Every search of ours keeps its contract. Each preset under conf/search is tested; odd settings are added here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from evolve.conformance.search import MakeSearch, SearchSuite
from evolve.domain.objective import Feature
from evolve.interfaces import Search
from evolve.search.allocation import EvenAllocation
from evolve.search.gepa import GepaSearch
from evolve.search.grid import GridArchive
from evolve.search.inspirations import Inspired
from evolve.search.islands import IslandSearch
from evolve.search.nsga2 import Nsga2Search
from evolve.search.parents import RankedParents
from evolve.search.renewal import Restart, Spawn, WorseHalf
from evolve.search.stagnation import Ladder
from evolve.search.topology import Migration

PRESETS = Path(__file__).parents[2] / "conf" / "search"


def preset(path: Path, features: Sequence[Feature]) -> Search:
    search: Search = instantiate(OmegaConf.load(path), _partial_=True)(features=features)
    return search


def small_islands(features: Sequence[Feature]) -> Search:
    return IslandSearch(
        features=features,
        archive=GridArchive,
        parents=RankedParents(exploit=0.5, top=2.0),
        showing=Inspired(count=6, top=2),
        islands=3,
        allocation=EvenAllocation(),
        migration=Migration(topology="random", interval=1, migrants=5),
        renewal=[Spawn(patience=3, most=5), WorseHalf(every=20), Restart(patience=12)],
        relief=[Ladder(reflect_after=1, shift_after=2, backtrack_after=3, share=0.9)],
    )


def on_trial(features: Sequence[Feature]) -> Search:
    """Return a search that takes every score as it comes, behind trials that are off."""
    path = PRESETS.parent / "noise" / "off.yaml"
    search: Search = instantiate(OmegaConf.load(path), _partial_=True)(search=small_islands(features))
    return search


SEARCHES: dict[str, MakeSearch] = {
    **{path.stem: partial(preset, path) for path in sorted(PRESETS.glob("*.yaml"))},
    "small_islands": small_islands,
    "small_population": lambda features: Nsga2Search(features=features, population=4, tradeoffs=1.0, inspirations=9),
    "gepa_merging": lambda features: GepaSearch(features=features, inspirations=9, merge=1.0),
    "behind_trials_that_are_off": on_trial,
}


class TestSearches(SearchSuite):
    @pytest.fixture(params=SEARCHES)
    def make_search(self, request: pytest.FixtureRequest) -> MakeSearch:
        return SEARCHES[request.param]
