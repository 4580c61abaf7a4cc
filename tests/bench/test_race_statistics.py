from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bench.race import recorded
from evolve.bench.race_plot import svg
from evolve.bench.race_statistics import Interval, Verdict, band, bootstrap, compare, summarise, tally, verdict_on
from evolve.bench.search_race import Cell, CellResult

VALUES = st.lists(st.floats(-100, 100), min_size=1, max_size=12)


def result(search: str, seed: int, area: float, problem: str = "hill", mutator: str = "mutator") -> CellResult:
    cell = Cell(problem, search, mutator, seed, proposals=4)
    points = ((0, 0.0), (2, 2 * area))
    return CellResult(cell, points, 2 * area, area, -1.0, 3.0, 1.5, 2.5, 5, 4, model_calls=4, prompt_tokens=400)


@given(VALUES)
@settings(max_examples=25, deadline=None)
def test_an_interval_holds_its_mean_and_lies_within_the_values(values: list[float]) -> None:
    found = bootstrap(values)
    assert min(values) - 1e-9 <= found.low <= found.mean <= found.high <= max(values) + 1e-9


@given(VALUES, st.floats(-50, 50))
@settings(max_examples=25, deadline=None)
def test_an_interval_moves_with_its_values(values: list[float], by: float) -> None:
    still, moved = bootstrap(values), bootstrap([value + by for value in values])
    assert moved.low == pytest.approx(still.low + by, abs=1e-6)
    assert moved.high == pytest.approx(still.high + by, abs=1e-6)


def test_an_interval_has_about_the_width_that_theory_gives() -> None:
    values = [float(value) for value in range(40)]
    error = 11.54 / 40**0.5  # standard deviation of 0..39 over the root of their number
    found = bootstrap(values)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)


@given(
    st.dictionaries(st.integers(1, 8), st.floats(-9, 9), min_size=1),
    st.dictionaries(st.integers(1, 8), st.floats(-9, 9)),
)
@settings(max_examples=25, deadline=None)
def test_a_comparison_the_other_way_round_is_its_opposite(one: dict[int, float], other: dict[int, float]) -> None:
    there, back = compare("x", one, other), compare("x", other, one)
    if not one.keys() & other.keys():
        assert there is None and back is None
        return
    assert there is not None and back is not None
    opposite = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER, Verdict.UNCLEAR: Verdict.UNCLEAR}
    assert there.difference.mean == pytest.approx(-back.difference.mean, abs=1e-9)
    assert there.apart == back.apart
    clear = min(abs(there.difference.low), abs(there.difference.high)) > 1e-3
    assert not clear or back.verdict is opposite[there.verdict]


def test_pairing_by_seed_finds_what_overlapping_intervals_hide() -> None:
    hard = {seed: float(seed) for seed in range(1, 11)}
    found = compare("control", {seed: value + 0.1 for seed, value in hard.items()}, hard)
    assert found is not None
    assert found.verdict is Verdict.BETTER and not found.apart


def test_a_difference_whose_interval_touches_zero_is_not_distinguishable() -> None:
    assert verdict_on(Interval(0.5, 0.0, 1.0)) is Verdict.UNCLEAR
    assert verdict_on(Interval(0.5, 0.01, 1.0)) is Verdict.BETTER
    assert verdict_on(Interval(-0.5, -1.0, -0.01)) is Verdict.WORSE


def results() -> list[CellResult]:
    ours = [result("new", seed, 0.8 + 0.01 * seed) for seed in (1, 2, 3)]
    greedy = [result("greedy", seed, 0.3 + 0.02 * seed) for seed in (1, 2, 3)]
    flat = [result(search, seed, 0.5 + 0.1 * (seed % 2), "flat") for search in ("new", "greedy") for seed in (1, 2, 3)]
    return [*ours, *greedy, *flat]


def test_results_become_rows_with_verdicts_and_a_tally() -> None:
    rows = {(row.problem, row.search): row for row in summarise(results(), ["greedy", "random"])}
    assert len(rows) == 4
    clear = rows["hill", "new"]
    assert clear.area.mean == pytest.approx(0.82) and clear.final.mean == pytest.approx(1.64)
    assert (clear.seeds, clear.model_calls, clear.prompt_tokens_per_call) == (3, 4, 100)
    (comparison,) = clear.against
    assert (comparison.control, comparison.verdict, comparison.apart) == ("greedy", Verdict.BETTER, True)
    assert rows["hill", "greedy"].against == ()
    (equal,) = rows["flat", "new"].against
    assert (equal.verdict, equal.apart) == (Verdict.UNCLEAR, False)
    (found,) = tally(rows.values())
    assert (found.search, found.control, found.better, found.better_apart, found.unclear, found.worse) == (
        *("new", "greedy"),
        *(1, 1, 1, 0),
    )


def test_mutators_are_never_mixed() -> None:
    rows = summarise([*results(), *(result("new", seed, 0.1, mutator="reader") for seed in (1, 2, 3))], ["greedy"])
    (reader,) = (row for row in rows if row.mutator == "reader")
    assert reader.area.mean == pytest.approx(0.1) and reader.against == ()


def test_results_survive_the_file_and_a_torn_last_line_does_not(tmp_path: Path) -> None:
    lines = "".join(each.as_line() + "\n" for each in results())
    path = tmp_path / "race.jsonl"
    path.write_text(lines + results()[0].as_line()[:50])
    assert recorded(path) == results()
    assert recorded(tmp_path / "none.jsonl") == []


def test_the_picture_has_a_panel_for_each_problem_and_a_line_for_each_search() -> None:
    root = ElementTree.fromstring(svg([*results(), result("a<b", 1, 0.1)]))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}g")) == 2
    lines = list(root.iter(f"{space}polyline"))
    assert len(lines) == 5
    assert [text.text for text in root.findall(f"{space}text")] == ["new", "greedy", "a<b"]
    points = [tuple(map(float, point.split(","))) for line in lines for point in line.attrib["points"].split()]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    first = [tuple(map(float, point.split(","))) for point in lines[0].attrib["points"].split()]
    assert first[0][1] > first[-1][1]  # better is higher up


def test_a_band_holds_the_mean_of_the_curves_and_narrows_where_they_agree() -> None:
    middle, low, high = band(np.array([[1.0, 5.0], [1.0, 6.0], [1.0, 7.0]]))
    assert middle.tolist() == [1.0, 6.0]
    assert low[0] == high[0] == 1.0
    assert 5.0 <= low[1] < 6.0 < high[1] <= 7.0
