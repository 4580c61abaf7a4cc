"""The event log of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from evolve.dashboard.figures import moment
from evolve.dashboard.tables import Cell, Column, Row
from evolve.domain.proposal import Event

PER_PAGE: Final = 50
COLUMNS: Final = (Column("at", "When"), Column("kind", "What"), Column("data", "Details", wide=True))
_LONGEST = 1500


def rows(events: Sequence[tuple[float, Event]], skip: int) -> list[Row]:
    """Return a page of the events, the latest first."""
    numbered = list(enumerate(events))[::-1][skip : skip + PER_PAGE]
    return [
        Row(
            str(number),
            {"at": Cell(moment(at)), "kind": Cell(event.kind, badge=True), "data": Cell(_told(event), mono=True)},
        )
        for number, (at, event) in numbered
    ]


def _told(event: Event) -> str:
    text = json.dumps(dict(event.data), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
