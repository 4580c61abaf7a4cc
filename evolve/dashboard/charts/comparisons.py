"""Charts of several groups of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.charts.labels import label
from evolve.dashboard.theme import series
from evolve.dashboard.views.compare import Band

_DASHES = ("solid", "dash", "dot", "dashdot")
"""So that groups are told apart without their colours."""


def bands(told: Sequence[Band], across: str, name: str) -> Figure:
    """Return the mean best so far of each group, with its interval around it."""
    traces = [trace for place, band in enumerate(told) if band.x for trace in _band(band, place)]
    layout = {
        "xaxis": {"title": {"text": label(across)}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": label(name)}},
    }
    return {"data": traces, "layout": layout}


def _band(band: Band, place: int) -> list[dict[str, Any]]:
    colour = series(place)
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip"}
    mean = {
        "type": "scatter", "mode": "lines", "name": label(band.name), "x": list(band.x), "y": list(band.mean),
        "line": {"color": colour, "width": 2, "shape": "hv", "dash": _DASHES[place % len(_DASHES)]},
        "hovertemplate": "%{y:.6g}<extra>%{fullData.name}</extra>",
    }  # fmt: skip
    low = {**edge, "x": list(band.x), "y": list(band.low), "showlegend": False}
    high = {**edge, "x": list(band.x), "y": list(band.high), "showlegend": False, "fill": "tonexty"}
    return [low, {**high, "fillcolor": _faint(colour)}, mean]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"
