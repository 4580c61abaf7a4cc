"""What every page has around it: the way to the other pages, a title, and a place for what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import html, ui
from nicegui.element import Element

from evolve.dashboard.asked import Asked, address
from evolve.dashboard.elements import heading


@dataclass(frozen=True, slots=True)
class Tab:
    """A way to another page."""

    path: str
    label: str


@contextmanager
def frame(title: str, here: str, main: Sequence[Tab], tabs: Sequence[Tab], asked: Asked) -> Iterator[None]:
    """Draw a page around what is drawn inside.

    Args:
        title: of the page; of pages about a run, its id.
        here: the path of this page.
        main: pages about all runs.
        tabs: pages about the run that is asked for; shown if one is.
        asked: what the page is asked for.
    """
    ui.page_title(f"{title} · evolve")
    with html.header().classes("top"), html.div().classes("top-inside"):
        _link("/", "evolve").classes("brand")
        with html.nav().props('aria-label="Pages"'):
            for tab in main:
                _link(tab.path, tab.label, current=tab.path == here)
        html.button("Dark").classes("theme-switch").props('type="button" aria-pressed="false"')
    with html.main().classes("page").props('tabindex="-1"') as content:
        ui.skip_link("Skip to the content", target=content)
        if asked.run:
            with html.nav().classes("tabs").props('aria-label="Pages of this run"'):
                for tab in tabs:
                    where = address(tab.path, asked.store, asked.run)
                    _link(where, tab.label, current=tab.path == here)
        yield


@contextmanager
def title_line(title: str) -> Iterator[None]:
    """A page's title; what is drawn inside stands beside it."""
    with html.div().classes("title"):
        heading(title, 1)
        yield


def sorry(reason: str) -> None:
    """Say why a page cannot be shown."""
    with title_line("This cannot be shown"):
        pass
    html.p(reason).classes("said bad").props('role="alert"')


def link(target: str, text: str) -> Element:
    """A link to a page of this dashboard, as :func:`evolve.dashboard.asked.address` makes them."""
    return _link(target, text)


def _link(target: str, text: str, *, current: bool = False) -> Element:
    found: Element = html.a(text)
    found.props["href"] = target
    if current:
        found.props["aria-current"] = "page"
    return found
