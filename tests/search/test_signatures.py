from __future__ import annotations

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import Placement
from evolve.errors import ConfigurationError
from evolve.search.parents import Ranking
from evolve.search.pareto import best_first
from evolve.search.signatures import ClusterParents, SignatureClusters


def program(step: int, gain: float, instances: tuple[float, ...] = (), size: float = 1.0) -> Scored:
    scores = {f"i{index}": score for index, score in enumerate(instances)}
    return Scored(step, 0, (), "test", Outcome.VALID, (gain,), per_instance=scores, shape=(size,))


def clusters(most: int = 10, members: int = 2) -> SignatureClusters:
    return SignatureClusters(features=(), clusters=most, members=members)


def test_programs_that_score_alike_on_every_instance_share_a_cell() -> None:
    archive = clusters()
    first, same, other = (archive.add(program(0, 2.0, (1, 3))), archive.add(program(1, 2.0, (1, 3))),
                          archive.add(program(2, 2.0, (3, 1))))  # fmt: skip
    assert first[1] == same[1] != other[1]
    assert [first[0], same[0], other[0]] == [Placement.NEW] * 3
    assert len(archive) == len(archive.elites()) == 3


def test_a_cluster_keeps_its_shortest_and_of_equals_the_newer() -> None:
    archive = clusters()
    for step, size in enumerate([5.0, 3.0, 3.0]):
        archive.add(program(step, 1.0, (1,), size))
    assert [elite.step for elite in archive.elites()] == [2, 1]
    assert archive.add(program(9, 1.0, (1,), 4.0)) == (Placement.NOT_PLACED, "")
    assert archive.add(program(10, 1.0, (1,), 2.0))[0] is Placement.IMPROVED


def test_the_worst_cluster_goes_when_there_are_too_many() -> None:
    archive = clusters(most=2)
    archive.add(program(0, 1.0, (1,)))
    archive.add(program(1, 2.0, (2,)))
    assert archive.add(program(2, 0.0, (0,))) == (Placement.NOT_PLACED, "")
    assert archive.add(program(3, 3.0, (3,)))[0] is Placement.IMPROVED
    assert [elite.step for elite in archive.elites()] == [1, 3]
    assert len(archive) == 2


def test_without_instances_the_gains_are_the_signature() -> None:
    archive = clusters()
    assert archive.add(program(0, 1.0))[1] == archive.add(program(1, 1.0))[1] != archive.add(program(2, 2.0))[1]


def ranking(programs: list[Scored], valid: int) -> Ranking:
    ranked = best_first(programs)
    nothing = np.zeros(len(ranked))
    return Ranking(ranked, np.array([elite.gains[0] for elite in ranked]), nothing, nothing, valid)


def test_chances_follow_the_published_formulas() -> None:
    programs = [
        program(0, 4.0, (4,), 10),
        program(1, 4.0, (4,), 30),
        program(2, 3.0, (3,), 7),
        program(3, 0.0, (0,), 7),
    ]
    rule = ClusterParents(temperature=0.5, period=100, length_temperature=2.0)
    chances = rule.chances(ranking(programs, valid=140))
    temperature = 0.5 * (1 - 40 / 100)
    weights = np.exp(np.array([1.0, 0.75, 0.0]) / temperature)
    cluster = weights / weights.sum()
    within = np.exp(-np.array([0.0, 20 / (30 + 1e-6)]) / 2.0)
    within = within / within.sum()
    assert chances == pytest.approx([cluster[0] * within[0], cluster[0] * within[1], cluster[1], cluster[2]])


def test_better_clusters_are_preferred_more_as_a_period_goes_by() -> None:
    programs = [program(step, float(step), (step,)) for step in range(4)]
    rule = ClusterParents(temperature=0.5, period=100, length_temperature=1.0)
    best = [rule.chances(ranking(programs, valid))[0] for valid in (0, 50, 99, 100)]
    assert best[0] < best[1] < best[2]
    assert best[3] == best[0]


@pytest.mark.parametrize("most, members", [(0, 1), (1, 0)])
def test_impossible_archives_are_refused(most: int, members: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        clusters(most, members)
