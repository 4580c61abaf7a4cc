"""Charts: axes that hold their values, ticks that are round, labels that stay text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.report.charts import Axis, Band, Chart, Line

_numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.lists(_numbers, min_size=1, max_size=20))
def test_an_axis_holds_every_value_with_room_around_them(values: list[float]) -> None:
    axis = Axis.over("x", values)
    assert all(0 < axis.share(value) < 1 for value in values)


@given(st.lists(_numbers, min_size=1, max_size=5))
def test_ticks_are_inside_in_order_and_few(values: list[float]) -> None:
    axis = Axis.over("x", values)
    ticks, size = axis.ticks(), axis.high - axis.low
    assert ticks == sorted(ticks)
    assert 1 <= len(ticks) <= 6
    assert all(axis.low - size * 1e-3 <= tick <= axis.high + size * 1e-3 for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0.0, 10.0, [0, 2, 4, 6, 8, 10]), (0.93, 1.02, [0.94, 0.96, 0.98, 1.0, 1.02])]
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert Axis("x", low, high).ticks() == pytest.approx(ticks)


def test_a_chart_is_well_formed_whatever_its_labels_say() -> None:
    chart = Chart(
        title='<b>"best"</b>',
        x=Axis("a<b", 0, 10),
        y=Axis("c&d", 0, 1),
        dots=[(1, 0.5), (2, 7.0)],
        path=[(0, 0.1), (5, 0.6)],
        levels=[Line("<seed>", 0.2), Line("far away", 5.0)],
    )
    drawn = ElementTree.fromstring(chart.svg())

    texts = [element.text for element in drawn.iter("text")]
    assert {"a<b", "c&d", "<seed>"} <= set(texts)
    assert "far away" not in texts
    assert len([e for e in drawn.iter("circle") if e.get("class") == "dot"]) == 1
    (stairs,) = drawn.iter("polyline")
    assert len(str(stairs.get("points")).split()) == 4  # start, corner, rise, end of the axis


def test_a_band_is_an_area_with_a_line_inside_the_frame() -> None:
    band = Band("ours", "#0072b2", x=[0.0, 10.0], middle=[1.0, 2.0], low=[0.5, 1.5], high=[1.5, 2.5])
    picture = ElementTree.fromstring(Chart("t", Axis("x", 0.0, 10.0), Axis("y", 0.0, 3.0), bands=[band]).svg())
    (area,), (line,) = picture.findall("polygon"), picture.findall("polyline")
    corners = [tuple(map(float, point.split(","))) for point in area.attrib["points"].split()]
    assert len(corners) == 4
    middle = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert corners[0][1] < middle[0][1] < corners[-1][1]  # down the page is up
