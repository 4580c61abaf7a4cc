"""Groups of runs, without a browser."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from evolve.dashboard.views import compare
from evolve.dashboard.views.compare import Group, Member
from evolve.dashboard.views.overview import Across
from evolve.dashboard.views.runs import Listed
from evolve.domain.objective import Direction, Objective
from evolve.domain.proposal import Event
from evolve.domain.questions import Best, Status
from evolve.domain.spread import student_t
from evolve.interfaces import RunInfo

LOSS = Objective("loss", Direction.MINIMIZE)


def _member(run: str, losses: Sequence[float], *, seed: int = 1, judge: str = "j", **config: object) -> Member:
    settings = {"seed": seed, "run": run, "store": {"url": run}, **config}
    info = RunInfo(run, "p", "finished", settings, {"judge_hash": judge}, 1000.0 + seed, objectives=(LOSS,))
    curve = [Best(10 * place + 1, float(place), 0.0, place, loss) for place, loss in enumerate(losses)]
    status = Status(100, 0, 100, 100, 100, 80, 10, 0, 0, 0.0, 5.0)
    return Member(Listed(0, info), status, curve)


def test_runs_that_differ_by_their_seed_alone_are_a_group_and_the_best_comes_first() -> None:
    search = {"_target_": "evolve.search.greedy.Greedy", "patience": 3}
    other = {"_target_": "evolve.search.islands.IslandSearch", "islands": 4}
    members = [
        _member("a", [5.0, 3.0], seed=2, search=search),
        _member("b", [5.0, 1.0], seed=1, search=other),
        _member("c", [5.0, 4.0], seed=1, search=search),
    ]
    groups = compare.grouped(members, LOSS)
    assert [group.name for group in groups] == ["search=IslandSearch", "search=Greedy"]
    assert [[member.run.info.id for member in group.members] for group in groups] == [["b"], ["c", "a"]]


def test_another_judge_makes_another_group() -> None:
    groups = compare.grouped([_member("a", [1.0]), _member("b", [1.0], judge="k")], LOSS)
    assert {group.name for group in groups} == {"judge=j", "judge=k"}
    (alone,) = compare.grouped([_member("a", [1.0]), _member("b", [2.0], seed=2)], LOSS)
    assert alone.name == "equal settings"


def test_a_band_is_a_mean_with_an_interval_where_all_runs_are() -> None:
    group = Group("g", (_member("a", [9.0, 5.0]), _member("b", [7.0, 3.0, 1.0])))
    told = compare.band(group, Across.ATTEMPTS)
    assert (told.x[0], told.x[-1]) == (1.0, 100.0)
    assert (told.mean[0], told.mean[-1]) == (8.0, 3.0)
    half = student_t(1) * math.sqrt(8.0) / math.sqrt(2)
    assert told.high[-1] == pytest.approx(3.0 + half)
    assert all(low <= mean <= high for low, mean, high in zip(told.low, told.mean, told.high, strict=True))
    alone = compare.band(Group("g", (_member("a", [9.0, 5.0]),)), Across.TIME)
    assert alone.low == alone.mean == alone.high
    assert compare.band(Group("g", (_member("a", []),)), Across.MONEY).x == ()


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ([1.0, 1.1, 1.05], [3.0, 3.1, 3.05], "worse, intervals apart"),
        ([1.0, 3.0, 2.0], [2.0, 4.0, 3.0], "no difference told"),
        ([1.0], [3.0, 3.1], "two runs of each"),
    ],
)
def test_a_difference_is_told_when_intervals_are_apart(left: list[float], right: list[float], words: str) -> None:
    groups = [Group("g", tuple(_member("r", [loss]) for loss in losses)) for losses in (left, right)]
    assert words in compare.verdict(*groups)


def test_only_runs_of_equal_objectives_are_compared() -> None:
    members = [_member("old", [1.0], seed=1), _member("new", [1.0], seed=5), _member("other name", [1.0], seed=3)]
    runs = [member.run for member in members]
    aims = (Objective("loss", Direction.MAXIMIZE),)
    info = members[0].run.info
    turned = Listed(0, RunInfo("turned", "p", "finished", info.config, {}, 900.0, objectives=aims))
    found, others = compare.comparable([*runs, turned], "p", "")
    assert ([run.info.id for run in found], others) == (["new", "other name", "old"], 1)
    assert [run.info.id for run in compare.comparable(runs, "p", "other")[0]] == ["other name"]
    assert compare.comparable(runs, "q", "") == ([], 0)
    assert compare.problems([*runs, turned]) == {"p": "p (4 runs)"}


def test_the_sealed_score_is_the_champions() -> None:
    told = [(1.0, Event("sealed", {"best_step": 3, "scores": {"best": {"loss": 2.5}, "seed": {"loss": 9.0}}}))]
    assert compare.sealed_score(told, LOSS) == 2.5
    assert compare.sealed_score([], LOSS) is None


def test_runs_that_were_left_out_can_be_taken_in_again() -> None:
    one, two = _member("a", [1.0]), _member("b", [2.0])
    rows = compare.run_rows(compare.grouped([one], LOSS), [two.run], LOSS)
    assert [(row.key, row.cells["act"].buttons[0].what) for row in rows] == [
        ("0:a", compare.LEAVE_OUT), ("0:b", compare.TAKE_IN),
    ]  # fmt: skip
