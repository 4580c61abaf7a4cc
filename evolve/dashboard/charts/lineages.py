"""A tree of programs: when each was made, what it scored, from which it was edited."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.dashboard.charts.curves import Figure
from evolve.dashboard.charts.labels import label
from evolve.dashboard.figures import number
from evolve.dashboard.theme import GREY, series
from evolve.dashboard.views.archive import Lead
from evolve.dashboard.views.lineage import Edge, Family
from evolve.domain.objective import Objective
from evolve.domain.questions import AttemptRow

_Point = tuple[float, float | None]


def tree(family: Family, shown_to: Sequence[tuple[int, int]], objective: Objective, lead: Lead) -> Figure:
    """Return the tree: attempts along the bottom, scores upwards.

    Args:
        family: what is drawn.
        shown_to: (inspiration, program) pairs, drawn as thin dashes.
        objective: of the scores.
        lead: where a program is shown when it is chosen.
    """
    places = _places(family, objective)
    traces = [_dashes(shown_to, places)] if shown_to else []
    for line in range(len(family.chosen)):
        own = [edge for edge in family.edges if edge.line == line]
        traces += [
            _edges([edge for edge in own if bool(edge.between) == dotted], places, line, dotted=dotted)
            for dotted in (False, True)
        ]
    traces.append(_nodes(family, places, objective, lead))
    layout = {
        "xaxis": {"title": {"text": "attempts"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": label(f"{objective.name} ({objective.direction})")}},
        "showlegend": False,
    }
    return {"data": traces, "layout": layout}


def _places(family: Family, objective: Objective) -> dict[int, tuple[float, float]]:
    """Return where each program stands; one without a score stands as high as what it was edited from."""
    values = {step: row.values.get(objective.name) for step, row in family.nodes.items()}
    above = {edge.descendant: edge.ancestor for edge in family.edges}
    found: dict[int, tuple[float, float]] = {}
    for step in sorted(family.nodes):
        value = values[step]
        if value is None:
            ancestor = above.get(step)
            value = found[ancestor][1] if ancestor in found else 0.0
        found[step] = (family.nodes[step].sequence + 1.0, value)
    return found


def _edges(edges: Sequence[Edge], places: dict[int, tuple[float, float]], line: int, *, dotted: bool) -> Figure:
    ends = [(places[edge.ancestor], places[edge.descendant]) for edge in edges]
    style = {"color": series(line), "width": 2, "dash": "dot" if dotted else "solid"}
    return {"type": "scatter", "mode": "lines", "line": style, "hoverinfo": "skip", **_segments(ends)}


def _dashes(pairs: Sequence[tuple[int, int]], places: dict[int, tuple[float, float]]) -> Figure:
    ends = [(places[before], places[after]) for before, after in pairs]
    style = {"color": GREY, "width": 1, "dash": "dash"}
    return {"type": "scatter", "mode": "lines", "line": style, "hoverinfo": "skip", **_segments(ends)}


def _segments(ends: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> Figure:
    gap: tuple[None, None] = (None, None)
    points = [point for before, after in ends for point in (before, after, gap)]
    return {"x": [x for x, _ in points], "y": [y for _, y in points]}


def _nodes(family: Family, places: dict[int, tuple[float, float]], objective: Objective, lead: Lead) -> Figure:
    line_of = {edge.descendant: edge.line for edge in reversed(family.edges)}
    steps = sorted(family.nodes)
    return {
        "type": "scatter", "mode": "markers+text",
        "x": [places[step][0] for step in steps],
        "y": [places[step][1] for step in steps],
        "text": [str(step) if step in family.chosen else "" for step in steps], "textposition": "top center",
        "hovertext": [_told(family.nodes[step], objective) for step in steps],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "customdata": [lead(step) for step in steps],
        "marker": {
            "size": [13 if step in family.chosen else 8 for step in steps],
            "symbol": [_symbol(step, family) for step in steps],
            "color": [series(line_of.get(step, 0)) for step in steps],
        },
    }  # fmt: skip


def _symbol(step: int, family: Family) -> str:
    if step in family.chosen:
        return "diamond"
    return "circle" if family.nodes[step].values else "x"


def _told(row: AttemptRow, objective: Objective) -> str:
    value = row.values.get(objective.name)
    return label(f"{row.step}: {number(value) if value is not None else row.outcome.value}, {row.operator}")
