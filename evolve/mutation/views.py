"""What templates see of programs, scores and goals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evolve.domain.blocks import editable_regions, has_markers
from evolve.domain.problem import Problem
from evolve.domain.program import AUTOMATIC
from evolve.interfaces import Change, Exhibit
from evolve.mutation.quoting import notes, one_line, plain

_MOST_OTHER_METRICS = 8
_MOST_INSTANCES = 8
_SELDOM_SHOWN = frozenset(AUTOMATIC) - {"program_lines", "program_bytes"}
"""What a model sees for itself in the program, unless the problem makes something of it."""
_SOURCE_CHARS = 40


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as templates see it; ``text`` has Unix line endings and none at the end, ``guidance`` is what the problem
    says of the file."""

    path: str
    text: str
    editable: bool
    guidance: str = ""


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program as templates see it.

    Args:
        files: the editable ones first.
        scores: texts like ``sum_radii = 2.63504``.
        instances: scores by instance, like ``a = 3.5``.
        why: what it was chosen for, or ``""``.
        summary: what its author said of it, or ``""``.
        lines: how long it is.
    """

    files: tuple[FileView, ...]
    scores: tuple[str, ...]
    instances: tuple[str, ...] = ()
    why: str = ""
    summary: str = ""
    lines: int = 0


@dataclass(frozen=True, slots=True)
class GoalView:
    """An objective as templates see it; ``known`` is ``""`` or the best published value and its source."""

    name: str
    direction: str
    target: str
    known: str


def file_views(problem: Problem, files: Mapping[str, str]) -> tuple[FileView, ...]:
    """Return the files, the editable ones first."""
    paths = sorted(files, key=lambda path: (not problem.is_editable(path), path))
    return tuple(
        FileView(path, plain(files[path]), problem.is_editable(path), problem.guidance_on(path)) for path in paths
    )


def parent_view(problem: Problem, parent: Exhibit) -> ProgramView:
    """Return the program that is to change, whole, with every number that is known of it."""
    return ProgramView(
        files=file_views(problem, parent.program.files),
        scores=scores(problem, parent, _MOST_OTHER_METRICS),
        instances=_instances(parent.evaluation.per_instance, sorted(parent.evaluation.per_instance)),
    )


def whole_view(problem: Problem, other: Exhibit) -> ProgramView:
    """Return another program with its editable files in full."""
    files = tuple(view for view in file_views(problem, other.program.files) if view.editable)
    return ProgramView(files, scores(problem, other, 0), why=one_line(other.why))


def inspiration_view(problem: Problem, other: Exhibit, parent: Exhibit) -> ProgramView:
    """Return another program, without what lies outside blocks: that is the same in every program."""
    files = tuple(
        FileView(path, _editable_text(text), True)
        for path, text in sorted(other.program.files.items())
        if problem.is_editable(path)
    )
    return ProgramView(
        files=files,
        scores=scores(problem, other, 0),
        instances=_differing(other.evaluation.per_instance, parent.evaluation.per_instance),
        why=one_line(other.why),
        summary=str(other.program.detail.get("summary", "")),
        lines=sum(len(view.text.split("\n")) for view in files),
    )


def _editable_text(text: str) -> str:
    text = plain(text)
    if has_markers(text):
        lines = text.split("\n")
        parts = ["\n".join(lines[region.first : region.stop]) for region in editable_regions(text)]
        text = "\n[...]\n".join(parts)
    return notes(text) if "`" * 9 in text else text


def scores(problem: Problem, exhibit: Exhibit, most_others: int) -> tuple[str, ...]:
    """Every digit is kept: progress may show in the last ones only."""
    metrics = exhibit.evaluation.metrics
    names = [objective.name for objective in problem.objectives]
    declared = {*(feature.name for feature in problem.features), *(c.metric for c in problem.constraints)}
    others = sorted(set(metrics) - set(names) - (_SELDOM_SHOWN - declared))[:most_others]
    found = tuple(f"{one_line(name)} = {metrics[name]!r}" for name in (*names, *others) if name in metrics)
    return found or (f"none, the evaluation ended {exhibit.evaluation.outcome.value}",)


def _instances(values: Mapping[str, float], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{one_line(name)} = {values[name]!r}" for name in names[:_MOST_INSTANCES])


def _differing(values: Mapping[str, float], parent: Mapping[str, float]) -> tuple[str, ...]:
    """Show the instances on which a program differs most from its parent."""
    shared = [name for name in sorted(values) if name in parent and values[name] != parent[name]]
    return _instances(values, sorted(shared, key=lambda name: -abs(values[name] - parent[name])))


def changes(problem: Problem, change: Change) -> str:
    """Return what a change did to each objective that it changed, in the objective's own units."""
    moved = [
        f"{objective.name} {objective.gain(before)!r} -> {objective.gain(after)!r}"
        for objective, before, after in zip(problem.objectives, change.before, change.after, strict=False)
        if before != after
    ]
    return ", ".join(moved) or "no change of the score"


def goals(problem: Problem) -> Iterator[GoalView]:
    """Yield the objectives in order of importance."""
    for objective in problem.objectives:
        known = [
            f"{best.value!r} ({_short(one_line(best.source))})"
            for best in problem.known_best
            if best.objective == objective.name and best.applies(problem.params)
        ]
        target = "" if objective.target is None else repr(objective.target)
        yield GoalView(objective.name, objective.direction.value, target, known[0] if known else "")


def _short(source: str) -> str:
    return source if len(source) <= _SOURCE_CHARS else f"{source[:_SOURCE_CHARS].rstrip()}..."
