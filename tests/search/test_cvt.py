from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import Feature
from evolve.domain.proposal import Placement
from evolve.domain.shape import SHAPE_NAMES
from evolve.errors import ConfigurationError
from evolve.search.cvt import CVTArchive, tessellation

FEATURES = (Feature("speed", 0, 100, 2), Feature("size", -1, 1, 2))
SEED = (20.0, 600.0, 4.0, 3.0, 1.0, 8.0, 5.0, 12.0)


def archive(**changes: Any) -> CVTArchive:
    return CVTArchive(**{"features": FEATURES, "cells": 30, "axes": "both", "seed": 0, **changes})


def valid(step: int, gain: float, features: Sequence[float] = (50, 0), shape: Sequence[float] = SEED) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, (gain,), tuple(features), shape=tuple(shape))


def scaled(factor: float) -> tuple[float, ...]:
    return tuple(factor * number for number in SEED)


@pytest.mark.parametrize(("cells", "dimensions"), [(1, 1), (7, 2), (50, 8)])
def test_cells_tile_the_cube_about_evenly(cells: int, dimensions: int) -> None:
    centroids = tessellation(cells, dimensions, np.random.default_rng(0))
    assert centroids.shape == (cells, dimensions)
    assert ((centroids >= 0) & (centroids <= 1)).all()
    points = np.random.default_rng(1).random((4000, dimensions))
    nearest = ((points[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=cells) * cells / len(points)
    assert shares.min() > 0.3 and shares.max() < 2.5


def test_a_tessellation_is_centroidal() -> None:
    """Each centroid is near the mean of the points that are nearest to it."""
    centroids = tessellation(10, 2, np.random.default_rng(0))
    points = np.random.default_rng(1).random((20000, 2))
    nearest = ((points[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    means = np.array([points[nearest == cell].mean(axis=0) for cell in range(10)])
    assert np.abs(means - centroids).max() < 0.08


def test_equal_seeds_give_equal_cells() -> None:
    programs = [valid(step, 0.0, (step, 0), scaled(1 + step / 9)) for step in range(30)]
    named = [[archive(seed=seed).add(program)[1] for program in programs] for seed in (3, 3, 4)]
    assert named[0] == named[1] != named[2]


def test_only_a_better_program_takes_an_occupied_cell() -> None:
    subject = archive()
    assert subject.add(valid(0, 1.0))[0] is Placement.NEW
    assert subject.add(valid(1, 1.0)) == (Placement.NOT_PLACED, "")
    assert subject.add(valid(2, 2.0))[0] is Placement.IMPROVED
    assert [elite.step for elite in subject.elites()] == [2]


def test_declared_axes_use_their_ranges() -> None:
    subject = archive(axes="features", cells=9)
    corners = [(0, -1), (0, 1), (100, -1), (100, 1), (-9e9, 9e9)]
    cells = [subject.add(valid(step, float(step), corner, ()))[1] for step, corner in enumerate(corners)]
    assert len(set(cells[:4])) == 4
    assert cells[4] == cells[1], "beyond a range counts as its end"


def test_shapes_are_told_apart_whatever_the_features() -> None:
    subject = archive(axes="shape", cells=50)
    subject.add(valid(0, 0.0))
    longer, branchy = scaled(6.0), (*SEED[:2], 40.0, 9.0, *SEED[4:])
    cells = [subject.add(valid(1, 1.0, (99, 0), shape))[1] for shape in (SEED, longer, branchy)]
    assert len(set(cells)) == 3
    assert subject.add(valid(4, 2.0, (0, 1), longer))[1] == cells[1]


def test_shapes_are_measured_from_the_first_program_alone() -> None:
    one, two = archive(axes="shape"), archive(axes="shape")
    for subject in (one, two):
        subject.add(valid(0, 0.0))
    for step in range(1, 40):
        two.add(valid(step, -1.0, shape=scaled(0.1 * step)))
    probe = valid(99, 9.0, shape=scaled(2.0))
    assert one.add(probe)[1] == two.add(probe)[1]


def test_a_program_without_a_shape_counts_as_the_seed() -> None:
    subject = archive(axes="shape")
    cell = subject.add(valid(0, 0.0))[1]
    assert subject.add(valid(1, 1.0, shape=()))[1] == cell


def test_without_features_there_is_one_cell_unless_shapes_count() -> None:
    assert archive(features=(), axes="features").add(valid(0, 1.0, ()))[1] == "0"
    spread = archive(features=(), axes="both")
    assert len({spread.add(valid(0, float(n), (), scaled(n)))[1] for n in (1, 2, 4, 8)}) > 1


def test_extreme_numbers_have_a_cell() -> None:
    subject = archive()
    huge = (1e308,) * len(SHAPE_NAMES)
    for step, shape in enumerate([(0.0,) * len(SHAPE_NAMES), huge]):
        assert subject.add(valid(step, float(step), (1e308, -1e308), shape))[0]


@pytest.mark.parametrize(("changes", "words"), [({"cells": 0}, "archive.cells"), ({"axes": "all"}, "archive.axes")])
def test_settings_out_of_range_are_named(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        archive(**changes)
