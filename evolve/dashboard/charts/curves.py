"""Curves over the course of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evolve.dashboard.charts.labels import label
from evolve.dashboard.theme import BLUE, GREEN, GREY, VERMILION

Figure = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Level:
    """A value that a curve is compared with."""

    label: str
    value: float
    colour: str = GREEN


@dataclass(frozen=True, slots=True)
class Stairs:
    """The best so far.

    Args:
        across: what runs along the bottom, in words.
        name: of the objective.
        path: (across, value) where it was beaten; ``leads`` where each point leads.
        dots: (across, value) of some programs.
        end: where the curve ends.
        levels: what it is compared with.
    """

    across: str
    name: str
    path: Sequence[tuple[float, float]]
    leads: Sequence[str] = ()
    dots: Sequence[tuple[float, float]] = ()
    dots_lead: Sequence[str] = ()
    end: float = 0.0
    levels: Sequence[Level] = field(default_factory=tuple)


def stairs(told: Stairs) -> Figure:
    """Return the chart of a best so far."""
    values = [value for _, value in told.path] + [level.value for level in told.levels]
    return {
        "data": [_dots(told), _path(told)],
        "layout": {
            "xaxis": {"title": {"text": label(told.across)}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": label(told.name)}, "range": _room(values)},
            "showlegend": False,
            "shapes": [_line(level) for level in told.levels],
            "annotations": [_name(level) for level in told.levels],
        },
    }


def rate(moments: Sequence[float], rates: Sequence[float], unit: str) -> Figure:
    """Return the chart of how many attempts a second ended, over seconds since the run was begun."""
    line = {
        "type": "scatter", "mode": "lines", "x": list(moments), "y": list(rates),
        "line": {"color": BLUE, "width": 1.5, "shape": "hv"},
        "fill": "tozeroy", "fillcolor": "rgba(0,114,178,0.12)", "hovertemplate": "%{y:.3g} a second<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "attempts a second"}, "rangemode": "tozero"},
        "showlegend": False,
    }
    return {"data": [line], "layout": layout}


def _dots(told: Stairs) -> dict[str, Any]:
    return {
        "type": "scattergl" if len(told.dots) > 5000 else "scatter", "mode": "markers", "name": "programs",
        "x": [x for x, _ in told.dots], "y": [y for _, y in told.dots], "customdata": list(told.dots_lead),
        "marker": {"color": GREY, "size": 4, "opacity": 0.45}, "hovertemplate": "%{y:.6g}<extra>a program</extra>",
    }  # fmt: skip


def _path(told: Stairs) -> dict[str, Any]:
    path, leads = list(told.path), list(told.leads)
    if path and told.end > path[-1][0]:
        path.append((told.end, path[-1][1]))
        leads.append(leads[-1] if leads else "")
    return {
        "type": "scatter", "mode": "lines+markers", "name": "best so far",
        "x": [x for x, _ in path], "y": [y for _, y in path], "customdata": leads,
        "line": {"color": BLUE, "width": 2, "shape": "hv"}, "marker": {"size": 5},
        "hovertemplate": "%{y:.8g}<extra>best so far</extra>",
    }  # fmt: skip


def _room(values: Sequence[float]) -> list[float] | None:
    """Return a range around values, so that programs far off do not press the curve flat."""
    if not values:
        return None
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    ends = [low - room, high + room]
    return ends if all(map(math.isfinite, ends)) else None


def _line(level: Level) -> dict[str, Any]:
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level.value, "y1": level.value,
        "line": {"color": level.colour, "width": 1.2, "dash": "dash"},
    }  # fmt: skip


def _name(level: Level) -> dict[str, Any]:
    return {
        "xref": "paper", "x": 1, "xanchor": "right", "y": level.value, "yanchor": "bottom", "showarrow": False,
        "text": label(level.label), "font": {"color": level.colour, "size": 11},
    }  # fmt: skip


SEED_COLOUR = VERMILION
