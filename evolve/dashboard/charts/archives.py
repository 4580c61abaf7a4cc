"""Charts of what the search keeps: cells and fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.charts.labels import label
from evolve.dashboard.theme import BLUE, GREY, SCALE


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A grid of cells; rows from the bottom up, None where nothing is.

    Args:
        across, up: names of the axes.
        value: what colours stand for.
        values, texts, leads: of each cell: its value, what is said when it is pointed at, where it leads.
        less_is_better: whether small values are the good ones.
    """

    across: str
    up: str
    value: str
    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    leads: Sequence[Sequence[str]]
    less_is_better: bool


@dataclass(frozen=True, slots=True)
class Front:
    """Programs by two objectives; ``members`` are those that no other dominates. Points are (first, second, lead)."""

    first: str
    second: str
    members: Sequence[tuple[float, float, str]]
    others: Sequence[tuple[float, float, str]]


def heat_map(told: HeatMap) -> Figure:
    """Return the chart of a grid of cells."""
    grid = {
        "type": "heatmap", "z": [list(row) for row in told.values],
        "text": [[label(text) for text in row] for row in told.texts],
        "customdata": [list(row) for row in told.leads], "colorscale": [list(stop) for stop in SCALE],
        "reversescale": told.less_is_better, "xgap": 1, "ygap": 1, "hoverongaps": False,
        "hovertemplate": "%{text}<extra></extra>",
        "colorbar": {"title": {"text": label(told.value), "side": "right"}, "thickness": 12, "outlinewidth": 0},
    }  # fmt: skip
    axis = {
        "dtick": 1 if max(len(told.values), len(told.values[0]) if told.values else 0) <= 24 else None,
        "showgrid": False,
        "zeroline": False,
    }
    layout = {
        "xaxis": {"title": {"text": label(told.across)}, **axis},
        "yaxis": {"title": {"text": label(told.up)}, **axis},
    }
    return {"data": [grid], "layout": layout}


def front(told: Front) -> Figure:
    """Return the chart of a Pareto front."""
    return {
        "data": [
            _points("programs", told.others, {"color": GREY, "size": 4, "opacity": 0.45}),
            _points("not dominated", told.members, {"color": BLUE, "size": 8, "symbol": "diamond"}),
        ],
        "layout": {"xaxis": {"title": {"text": label(told.first)}}, "yaxis": {"title": {"text": label(told.second)}}},
    }


def _points(name: str, points: Sequence[tuple[float, float, str]], marker: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name, "marker": marker,
        "x": [x for x, _, _ in points], "y": [y for _, y, _ in points], "customdata": [lead for _, _, lead in points],
        "hovertemplate": "%{x:.6g}, %{y:.6g}<extra></extra>",
    }  # fmt: skip
