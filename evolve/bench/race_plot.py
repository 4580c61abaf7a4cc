"""Curves of a race as one SVG: a panel for each problem and mutator, a line for each search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from evolve.bench.curves import Curve
from evolve.bench.search_race import CellResult

_COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#000000",
    "#7f7f7f",
    "#8c564b",
    "#17becf",
)
_WIDTH, _HEIGHT, _MARGIN, _COLUMNS = 300, 200, 34, 3
_POINTS = 100  # along a curve

Floats = NDArray[np.float64]
Panel = dict[str, list[Floats]]


def svg(results: Iterable[CellResult]) -> str:
    """Return the picture: the mean of the seeds as a line, their range as a band."""
    panels: dict[str, Panel] = {}
    longest: dict[str, int] = {}
    for result in results:
        title = f"{result.cell.problem}, {result.cell.mutator}"
        values = Curve(result.curve, result.cell.proposals).values()
        panels.setdefault(title, {}).setdefault(result.cell.search, []).append(values)
        longest[title] = max(longest.get(title, 0), result.cell.proposals)
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    rows = -(-len(panels) // _COLUMNS)
    drawn = [
        f'<g transform="translate({_WIDTH * (index % _COLUMNS)},{30 + _HEIGHT * (index // _COLUMNS)})">'
        f"{_panel(title, panel, colours, longest[title])}</g>"
        for index, (title, panel) in enumerate(panels.items())
    ]
    legend = "".join(
        f'<text x="{_MARGIN + 90 * index}" y="18" fill="{colours[name]}">{escape(name)}</text>'
        for index, name in enumerate(names)
    )
    size = f'width="{max(_WIDTH * _COLUMNS, 90 * len(names) + 60)}" height="{40 + _HEIGHT * rows}"'
    style = 'font-family="sans-serif" font-size="10"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{legend}{"".join(drawn)}</svg>\n'


def _panel(title: str, panel: Panel, colours: dict[str, str], proposals: int) -> str:
    every = np.concatenate([values for curves in panel.values() for values in curves])
    low, high = float(every.min()), float(every.max())
    high = high if high > low else low + 1.0
    inner_width, inner_height = _WIDTH - _MARGIN - 10, _HEIGHT - 50

    def line(values: Floats) -> list[str]:
        at = np.unique(np.linspace(0, len(values) - 1, _POINTS).astype(int))
        return [
            f"{_MARGIN + inner_width * x / proposals:.1f},{20 + inner_height * (high - values[x]) / (high - low):.1f}"
            for x in at
        ]

    frame = f'<rect x="{_MARGIN}" y="20" width="{inner_width}" height="{inner_height}" fill="none" stroke="#999"/>'
    marks = (
        f'<text x="{_MARGIN}" y="14">{escape(title)}</text><text x="0" y="28">{high:.2f}</text>'
        f'<text x="0" y="{20 + inner_height}">{low:.2f}</text>'
        f'<text x="{_MARGIN + inner_width - 20}" y="{34 + inner_height}">{proposals}</text>'
    )
    return frame + marks + "".join(_lines(curves, colours[name], line) for name, curves in panel.items())


def _lines(curves: Sequence[Floats], colour: str, line: Callable[[Floats], list[str]]) -> str:
    stacked = np.stack([curve for curve in curves if len(curve) == len(curves[0])])
    band = " ".join([*line(stacked.max(axis=0)), *reversed(line(stacked.min(axis=0)))])
    return (
        f'<polygon points="{band}" fill="{colour}" fill-opacity="0.12"/>'
        f'<polyline points="{" ".join(line(stacked.mean(axis=0)))}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    )
