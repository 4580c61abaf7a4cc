"""Tables and listings as values: what a view says and :mod:`evolve.dashboard.elements` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Align(StrEnum):
    """Where a column's text stands."""

    LEFT = "left"
    RIGHT = "right"


class Tone(StrEnum):
    """What a cell's colour says; the text says it as well."""

    PLAIN = ""
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    BUSY = "busy"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``sorts`` says whether its head can be chosen; ``wide`` whether its text may be long."""

    name: str
    label: str
    align: Align = Align.LEFT
    sorts: bool = False
    wide: bool = False

    def data(self) -> dict[str, object]:
        """Return it as the browser gets it."""
        return {
            "name": self.name,
            "label": self.label,
            "align": str(self.align),
            "sorts": self.sorts,
            "wide": self.wide,
        }


@dataclass(frozen=True, slots=True)
class Button:
    """Something to do with a row: ``what`` is told to the page, ``label`` to people."""

    what: str
    label: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row under one column.

    Args:
        text: shown as it is, whatever it holds.
        href: an address of this dashboard (:func:`evolve.dashboard.asked.address`) that it leads to.
        title: said when it is pointed at.
        tone: its colour.
        share: 0 to 1, drawn as a bar behind the text.
        spark: heights from 0 to 1, drawn as a small line.
        buttons: things to do.
        badge: whether it is set apart as a label.
        mono: whether it is set in letters of equal width.
    """

    text: str = ""
    href: str = ""
    title: str = ""
    tone: Tone = Tone.PLAIN
    share: float | None = None
    spark: Sequence[float] = ()
    buttons: Sequence[Button] = ()
    badge: bool = False
    mono: bool = False

    def data(self) -> dict[str, object]:
        """Return it as the browser gets it."""
        told = {
            "text": self.text,
            "href": self.href,
            "title": self.title,
            "tone": str(self.tone),
            "share": self.share,
            "spark": [round(height, 3) for height in self.spark],
            "buttons": [{"what": button.what, "label": button.label} for button in self.buttons],
            "badge": self.badge,
            "mono": self.mono,
        }
        return {name: value for name, value in told.items() if value or name == "text" or value == 0.0}


@dataclass(frozen=True, slots=True)
class Row:
    """A row: ``key`` tells it from the others; a column without a cell stays empty."""

    key: str
    cells: Mapping[str, Cell] = field(default_factory=dict)

    def data(self) -> dict[str, object]:
        """Return it as the browser gets it."""
        return {"key": self.key, "cells": {name: cell.data() for name, cell in self.cells.items()}}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text.

    Args:
        number: as people count it; empty where it has none.
        mark: ``+`` or ``-`` in a difference, ``@`` where lines were left out, else empty.
        parts: (kind, text) in order; the kind is one of the style sheet's, empty for plain text.
    """

    number: str
    mark: str
    parts: tuple[tuple[str, str], ...]

    def data(self) -> list[object]:
        """Return it as the browser gets it."""
        return [self.number, self.mark, [list(part) for part in self.parts]]
