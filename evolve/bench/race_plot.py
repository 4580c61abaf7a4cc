"""Curves as one SVG: for a race a panel for each problem and mutator, and a line for each search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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
_NAME = 130  # pixels of a name in the legend
_POINTS = 100  # along a curve

Floats = NDArray[np.float64]
Panel = dict[str, list[Floats]]


@dataclass(frozen=True, slots=True)
class _Stroke:
    colour: str
    dashes: str


@dataclass(frozen=True, slots=True)
class Line:
    """One run's curve: those of one name in one panel are drawn as their mean."""

    panel: str
    name: str
    curve: Curve


def svg(results: Iterable[CellResult]) -> str:
    """Return the picture of a race."""
    return drawn(
        Line(
            f"{result.cell.problem}, {result.cell.mutator}",
            result.cell.search,
            Curve(result.curve, result.cell.proposals),
        )
        for result in results
    )


def drawn(lines: Iterable[Line]) -> str:
    """Return the picture: the mean of the runs of a name as a line, their range as a band."""
    panels: dict[str, Panel] = {}
    longest: dict[str, int] = {}
    for line in lines:
        panels.setdefault(line.panel, {}).setdefault(line.name, []).append(line.curve.values())
        longest[line.panel] = max(longest.get(line.panel, 0), line.curve.proposals)
    names = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    strokes = {name: _stroke(index) for index, name in enumerate(names)}
    across = min(_COLUMNS, max(1, len(panels)))
    in_row = max(1, _WIDTH * across // _NAME)
    top = 14 * -(-len(names) // in_row) + 16
    made = [
        f'<g transform="translate({_WIDTH * (index % _COLUMNS)},{top + _HEIGHT * (index // _COLUMNS)})">'
        f"{_panel(title, panel, strokes, longest[title])}</g>"
        for index, (title, panel) in enumerate(panels.items())
    ]
    legend = "".join(_named(name, stroke, index, in_row) for index, (name, stroke) in enumerate(strokes.items()))
    size = f'width="{_WIDTH * across}" height="{top + 10 + _HEIGHT * -(-len(panels) // _COLUMNS)}"'
    style = 'font-family="sans-serif" font-size="10"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{legend}{"".join(made)}</svg>\n'


def _stroke(index: int) -> _Stroke:
    """Return the colour of a name; colours that come again are dashed."""
    return _Stroke(_COLOURS[index % len(_COLOURS)], "" if index < len(_COLOURS) else ' stroke-dasharray="4 3"')


def _named(name: str, stroke: _Stroke, index: int, in_row: int) -> str:
    x, y = _MARGIN + _NAME * (index % in_row), 14 + 14 * (index // in_row)
    return (
        f'<path d="M{x} {y - 3}h18" stroke="{stroke.colour}" stroke-width="1.5"{stroke.dashes}/>'
        f'<text x="{x + 22}" y="{y}" fill="{stroke.colour}">{escape(name)}</text>'
    )


def _panel(title: str, panel: Panel, strokes: dict[str, _Stroke], proposals: int) -> str:
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
    return frame + marks + "".join(_lines(curves, strokes[name], line) for name, curves in panel.items())


def _lines(curves: Sequence[Floats], stroke: _Stroke, line: Callable[[Floats], list[str]]) -> str:
    stacked = np.stack([curve for curve in curves if len(curve) == len(curves[0])])
    band = " ".join([*line(stacked.max(axis=0)), *reversed(line(stacked.min(axis=0)))])
    return (
        f'<polygon points="{band}" fill="{stroke.colour}" fill-opacity="0.12"/>'
        f'<polyline points="{" ".join(line(stacked.mean(axis=0)))}" fill="none" '
        f'stroke="{stroke.colour}" stroke-width="1.5"{stroke.dashes}/>'
    )
