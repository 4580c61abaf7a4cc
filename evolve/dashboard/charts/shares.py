"""Charts of how a whole falls into parts."""

from __future__ import annotations

from collections.abc import Mapping

from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.charts.labels import label
from evolve.dashboard.theme import OUTCOME_COLOURS
from evolve.domain.evaluation import Outcome


def outcomes(counts: Mapping[str, Mapping[Outcome, int]]) -> Figure:
    """Return a bar for each name, made of how its attempts ended, the first name on top."""
    names = list(counts)[::-1]
    shown = [label(name) for name in names]
    bars = [
        {
            "type": "bar", "orientation": "h", "name": str(outcome), "y": shown,
            "x": [counts[name].get(outcome, 0) for name in names], "marker": {"color": colour},
            "hovertemplate": f"%{{y}}: %{{x:,}} {outcome}<extra></extra>",
        }
        for outcome, colour in OUTCOME_COLOURS.items()
        if any(counts[name].get(outcome, 0) for name in names)
    ]  # fmt: skip
    layout = {
        "barmode": "stack", "bargap": 0.35, "xaxis": {"title": {"text": "attempts"}},
        "yaxis": {"type": "category", "showgrid": False}, "legend": {"traceorder": "normal"},
    }  # fmt: skip
    return {"data": bars, "layout": layout}
