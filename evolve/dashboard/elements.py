"""What pages are made of: tables, charts and a few plain parts. Nothing that is shown becomes markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any

from nicegui import html, ui
from nicegui.element import Element
from nicegui.elements import plotly as _charting  # noqa: F401  offers the script that charts load when they are drawn

from evolve.dashboard.tables import Column, Line, Row


@dataclass(frozen=True, slots=True)
class Sorted:
    """How a table is sorted: by a column's name, "" for the order that is usual."""

    by: str = ""
    reverse: bool = False

    def then(self, column: str) -> Sorted:
        """Return what a click on a column's head makes of it."""
        return Sorted(column, not self.reverse if self.by == column else False)


class Grid(Element, component="grid.js"):
    """A table: few columns, at most some hundred rows. Rows are replaced as a whole; what is equal stays as it is.

    Args:
        label: read out by screen readers.
        columns, rows: what is shown.
        empty: said when there are no rows.
        on_sort: told the name of a column whose head was chosen.
        on_act: told (a row's key, what) when a button in a row was chosen.
    """

    def __init__(
        self,
        label: str,
        columns: Sequence[Column],
        rows: Sequence[Row] = (),
        *,
        empty: str = "Nothing yet.",
        on_sort: Callable[[str], Any] | None = None,
        on_act: Callable[[str, str], Any] | None = None,
    ) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["empty"] = empty
        self._props["columns"] = [column.data() for column in columns]
        self._props["rows"] = [row.data() for row in rows]
        self._props["sorted"] = {"by": "", "reverse": False}
        if on_sort is not None:
            self.on("sort", lambda event: on_sort(str(event.args)))
        if on_act is not None:
            self.on("act", lambda event: on_act(str(event.args[0]), str(event.args[1])))

    def show(self, rows: Sequence[Row], order: Sorted | None = None) -> None:
        """Show these rows now."""
        data = [row.data() for row in rows]
        if order is not None:
            self._props["sorted"] = {"by": order.by, "reverse": order.reverse}
        if data != self._props["rows"] or order is not None:
            self._props["rows"] = data
            self.update()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show these columns from now on."""
        data = [column.data() for column in columns]
        if data != self._props["columns"]:
            self._props["columns"] = data
            self.update()


class Chart(Element, component="chart.js"):
    """A chart: a figure of Plotly as data, ``{"data": [...], "layout": {...}}``, in the colours of the page.

    A point whose ``customdata`` is an address of this dashboard leads there when it is chosen.

    Args:
        label: what it shows, in a sentence: read out by screen readers.
        figure: of :mod:`evolve.dashboard.charts`.
        height: in pixels.
    """

    def __init__(self, label: str, figure: Mapping[str, Any], *, height: int = 280) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["figure"] = dict(figure)
        self._props["height"] = height

    def show(self, figure: Mapping[str, Any]) -> None:
        """Show this figure now."""
        if figure != self._props["figure"]:
            self._props["figure"] = dict(figure)
            self.update()


class Listing(Element, component="listing.js"):
    """Lines of a file or of a difference, numbered, in colours. ``label`` is read out by screen readers."""

    def __init__(self, label: str) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["lines"] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines now."""
        self._props["lines"] = [line.data() for line in lines]
        self.update()


class Tiles:
    """Figures that matter most, name -> (value, a few words on it). Names stay, values change."""

    def __init__(self, figures: Mapping[str, tuple[str, str]]) -> None:
        self._values: dict[str, tuple[ui.label, ui.label]] = {}
        with html.dl().classes("tiles"):
            for name, (value, detail) in figures.items():
                with html.div().classes("tile"):
                    html.dt(name)
                    with html.dd():
                        self._values[name] = (ui.label(value).classes("value"), ui.label(detail).classes("detail"))

    def show(self, figures: Mapping[str, tuple[str, str]]) -> None:
        """Show these values now; names that are not known are left out."""
        for name, (value, detail) in figures.items():
            if name in self._values:
                shown, beside = self._values[name]
                shown.set_text(value)
                beside.set_text(detail)


class Pager:
    """Ways to the page before and after, and which one this is.

    Args:
        size: lines of a page.
        turn: told how many lines come before the page that was chosen.
    """

    def __init__(self, size: int, turn: Callable[[int], Any]) -> None:
        self._size, self._skip = size, 0
        with html.div().classes("pager"):
            self._before = button("‹ Before", lambda: turn(max(0, self._skip - size)))
            self._told = ui.label("")
            self._after = button("After ›", lambda: turn(self._skip + size))

    def show(self, skip: int, total: int) -> None:
        """Say that ``skip`` of ``total`` lines come before this page."""
        self._skip = skip
        last = min(skip + self._size, total)
        self._told.set_text(f"{skip + 1:,} to {last:,} of {total:,}" if total else "none")
        _enable(self._before, skip > 0)
        _enable(self._after, last < total)


class Said:
    """Where a page says what became of what a person did; ``sticky`` stays in sight on a long page."""

    def __init__(self, *, sticky: bool = False) -> None:
        with html.div().props('role="status" aria-live="polite"').classes("sticky" if sticky else "") as self._place:
            self._told = ui.label("").classes("said")
        self._place.set_visibility(False)

    def good(self, text: str) -> None:
        """Say that it was done."""
        self._say(text, bad=False)

    def bad(self, text: str) -> None:
        """Say why it was not."""
        self._say(text, bad=True)

    def nothing(self) -> None:
        """Say nothing any more."""
        self._place.set_visibility(False)

    def _say(self, text: str, *, bad: bool) -> None:
        self._told.set_text(text)
        self._told.classes(add="bad" if bad else "", remove="" if bad else "bad")
        self._place.set_visibility(True)


def button(label: str, do: Callable[[], Any], *, main: bool = False) -> Element:
    """Something to do."""
    found: Element = html.button(label).props('type="button"').classes("main" if main else "")
    found.on("click", lambda _: do(), args=[])
    return found


def field(label: str, tell: Callable[[str], Any], *, value: str = "", long: bool = False, about: str = "") -> Element:
    """A line of text to fill in; ``tell`` gets it when it was changed."""
    with html.label().classes("field long" if long else "field"):
        html.span(label)
        found: Element = html.input_().props('type="text" autocomplete="off" spellcheck="false"')
    found.props["value"] = value
    found.props["placeholder"] = about
    found.on("change", lambda event: tell(str(event.args)), js_handler="(event) => emit(event.target.value)")
    return found


def area(label: str, tell: Callable[[str], Any], *, value: str = "", rows: int = 4, mono: bool = False) -> Element:
    """Lines of text to fill in; ``tell`` gets them when they were changed."""
    with html.label().classes("field long"):
        html.span(label)
        found: Element = html.textarea().props('autocomplete="off" spellcheck="false"').classes("mono" if mono else "")
    found.props["value"] = value
    found.props["rows"] = rows
    found.on("change", lambda event: tell(str(event.args)), js_handler="(event) => emit(event.target.value)")
    return found


def tick(label: str, tell: Callable[[bool], Any]) -> Element:
    """Something that is so or not, not at first; ``tell`` gets what was chosen."""
    with html.label().classes("inline"):
        found: Element = html.input_().props('type="checkbox"')
        html.span(label)
    found.on("change", lambda event: tell(bool(event.args)), js_handler="(event) => emit(event.target.checked)")
    return found


def choice(label: str, options: Mapping[str, str], tell: Callable[[str], Any], *, value: str = "") -> Element:
    """One of several, value -> what people read; ``tell`` gets the value that was chosen."""
    with html.label().classes("field"):
        html.span(label)
        found: Element = html.select()
        with found:
            for name, shown in options.items():
                html.option(shown).props["value"] = name
    found.props["value"] = value
    found.on("change", lambda event: tell(str(event.args)), js_handler="(event) => emit(event.target.value)")
    return found


def switch(label: str, options: Mapping[str, str], tell: Callable[[str], Any], *, value: str) -> Callable[[str], None]:
    """A few ways to see the same, value -> what people read, one of which is on. Return what turns another one on
    without telling."""
    buttons: dict[str, Element] = {}

    def press(name: str) -> None:
        for other, each in buttons.items():
            each.props["aria-pressed"] = "true" if other == name else "false"

    async def chosen(name: str) -> None:
        press(name)
        found = tell(name)
        if isawaitable(found):
            await found

    with html.div().classes("switch").props('role="group"') as group:
        for name, shown in options.items():
            each = html.button(shown).props('type="button"')
            each.on("click", partial(lambda name, _: chosen(name), name), args=[])
            buttons[name] = each
    group.props["aria-label"] = label
    press(value)
    return press


def _enable(element: Element, enabled: bool) -> None:
    element.props["disabled"] = not enabled


@contextmanager
def panel(title: str, about: str = "", *, wide: bool = False) -> Iterator[None]:
    """A part of a page under its own heading. ``about`` says in a sentence what it shows."""
    with ui.element("section").classes("panel wide" if wide else "panel"):
        heading(title, 2)
        if about:
            note(about)
        yield


@contextmanager
def panels() -> Iterator[None]:
    """Panels beside each other where there is room."""
    with ui.element("div").classes("panels"):
        yield


def heading(text: str, level: int) -> None:
    """A heading."""
    {1: html.h1, 2: html.h2, 3: html.h3}[level](text)


def note(text: str) -> ui.label:
    """A remark."""
    return ui.label(text).classes("note")
