"""The pages. Each draws what its view in :mod:`evolve.dashboard.views` makes of what stores answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from evolve.dashboard.asked import Asked
from evolve.dashboard.live import Board
from evolve.dashboard.pages import archive, compare, events, lineage, overview, program, programs, runs, steer, work


@dataclass(frozen=True, slots=True)
class Place:
    """A page's place in the dashboard.

    Args:
        path: of its address; lower-case letters and dashes.
        label: what links to it say; empty for pages that other pages lead to.
        draw: draws it. Raises EvolveError when what is asked for is not there.
        of_run: whether it is about one run, and so among the tabs of a run.
    """

    path: str
    label: str
    draw: Callable[[Board, Asked], Awaitable[None]]
    of_run: bool = False


PLACES: Final = (
    Place("/", "Runs", runs.draw),
    Place("/compare", "Compare", compare.draw),
    Place("/run", "Overview", overview.draw, of_run=True),
    Place("/archive", "Archive", archive.draw, of_run=True),
    Place("/work", "Work and cost", work.draw, of_run=True),
    Place("/programs", "Programs", programs.draw, of_run=True),
    Place("/lineage", "Lineage", lineage.draw, of_run=True),
    Place("/program", "", program.draw, of_run=True),
    Place("/steer", "Steer", steer.draw, of_run=True),
    Place("/events", "Events", events.draw, of_run=True),
)
"""All pages, in the order in which they are offered. A new page is a line here."""
