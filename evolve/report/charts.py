"""Charts as SVG: no script, nothing to fetch, in the colours of Okabe and Ito, which colour-blind people tell apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

Point = tuple[float, float]

WIDTH, HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 16, 14, 44
_TICKS = 5
BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
GREEN: Final = "#009e73"


@dataclass(frozen=True, slots=True)
class Axis:
    """What is drawn along one side, in its own units."""

    label: str
    low: float
    high: float

    @classmethod
    def over(cls, label: str, values: Sequence[float]) -> Axis:
        """Return an axis that holds finite values, with a little room around them."""
        low, high = min(values), max(values)
        room = max(0.04 * (high - low), 1e-6 * max(abs(low), abs(high))) or 1.0
        return cls(label, low - room, high + room)

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return round values inside the axis."""
        step = _round_step((self.high - self.low) / _TICKS)
        first = math.ceil(self.low / step)
        return [step * n for n in range(first, math.floor(self.high / step) + 1)]


def _round_step(rough: float) -> float:
    unit = 10.0 ** math.floor(math.log10(rough))
    return next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)


@dataclass(frozen=True, slots=True)
class Line:
    """A level that something is compared with."""

    label: str
    value: float
    colour: str = GREEN


@dataclass(frozen=True, slots=True)
class Band:
    """A line with an interval around it: four sequences of equal length.

    Args:
        label: what it is; drawn nowhere, for the legend beside the chart.
    """

    label: str
    colour: str
    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """Dots, a line of steps through some of them, and levels.

    Args:
        title: read out by screen readers.
        dots: drawn faintly.
        path: joined as a staircase, or with ``stairs=False`` only marked.
        levels: horizontal lines with names.
        bands: lines with intervals, below everything else.
    """

    title: str
    x: Axis
    y: Axis
    dots: Sequence[Point] = ()
    path: Sequence[Point] = ()
    stairs: bool = True
    levels: Sequence[Line] = field(default_factory=tuple)
    bands: Sequence[Band] = ()

    def svg(self) -> str:
        """Return the picture."""
        parts = [*self._grid(), *self._bands(), *self._dots(), *self._levels(), *self._path()]
        return (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">{"".join(parts)}</svg>'
        )

    def _at(self, point: Point) -> tuple[float, float]:
        across, up = self.x.share(point[0]), self.y.share(point[1])
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def _grid(self) -> list[str]:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = [f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"/>']
        for value in self.x.ticks():
            x, _ = self._at((value, self.y.low))
            parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
        for value in self.y.ticks():
            _, y = self._at((self.x.low, value))
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.6g}</text>')
        middle = (_LEFT + right) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(self.x.label)}</text>')
        height = (_TOP + bottom) / 2
        turned = f'transform="rotate(-90 14 {height})"'
        parts.append(f'<text x="14" y="{height}" text-anchor="middle" {turned}>{escape(self.y.label)}</text>')
        return parts

    def _dots(self) -> list[str]:
        inside = [p for p in self.dots if self.y.low <= p[1] <= self.y.high and self.x.low <= p[0] <= self.x.high]
        return [f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in map(self._at, inside)]

    def _bands(self) -> list[str]:
        areas, lines = [], []
        for band in self.bands:
            edge = [*zip(band.x, band.high, strict=True), *reversed(list(zip(band.x, band.low, strict=True)))]
            areas.append(f'<polygon points="{self._joined(edge)}" fill="{band.colour}" fill-opacity="0.13"/>')
            lines.append(
                f'<polyline points="{self._joined(list(zip(band.x, band.middle, strict=True)))}" fill="none" '
                f'stroke="{band.colour}" stroke-width="2"/>'
            )
        return [*areas, *lines]

    def _joined(self, points: Sequence[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._at, points))

    def _levels(self) -> list[str]:
        parts = []
        for level in self.levels:
            if not self.y.low <= level.value <= self.y.high:
                continue
            _, y = self._at((self.x.low, level.value))
            parts.append(
                f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{level.colour}" '
                f'stroke-dasharray="6 4"/><text x="{WIDTH - _RIGHT - 6}" y="{y - 5:.1f}" text-anchor="end" '
                f'style="fill:{level.colour}">{escape(level.label)}</text>'
            )
        return parts

    def _path(self) -> list[str]:
        marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{BLUE}"/>' for x, y in map(self._at, self.path)]
        if not self.stairs or not self.path:
            return marks
        corners = [self.path[0]]
        for point in self.path[1:]:
            corners += [(point[0], corners[-1][1]), point]
        corners.append((self.x.high, corners[-1][1]))
        return [f'<polyline points="{self._joined(corners)}" fill="none" stroke="{BLUE}" stroke-width="2"/>', *marks]
