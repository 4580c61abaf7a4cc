"""The sections of a prompt: what each of them shows, and how it is cut when it is too long.

A section is a template of its own (``templates/sections/NAME.j2``) and a function that fills it. The
function is given a :class:`Cut`; it shows the whole without one, and less the tighter the cut is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from evolve.domain.proposal import Lesson, LessonKind, Picture
from evolve.domain.tokens import shorten
from evolve.interfaces import Context, Exhibit
from evolve.mutation.context_files import Page
from evolve.mutation.quoting import notes, one_line, quoted
from evolve.mutation.views import FileView, ProgramView, changes, inspiration_view, whole_view

_MOST_ITEMS = 8
"""Of a list; what a run has seen grows, what a prompt costs may not."""
_SUMMARY_CHARS = 120
_REASON_CHARS = 200
_INSIGHT_CHARS = 800
_CHARS_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Style:
    """What an operator wants of a prompt.

    Args:
        task: name of the template under ``tasks`` that says what to do.
        answer: name of the template under ``formats`` that says how to answer.
        sections: those that are shown, if there is something to show and they are not switched off.
    """

    task: str
    answer: str
    sections: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cut:
    """How much is shown: so many items, and of each text so many tokens; None for all."""

    items: int | None = None
    tokens: int | None = None

    def text(self, text: str) -> str:
        """Return the text, or its beginning and end."""
        return text if self.tokens is None else shorten(text, self.tokens)

    def quoted(self, text: str, characters: int) -> str:
        """Return the text on one line between quotes, at most so many characters of it."""
        return quoted(text, characters if self.tokens is None else min(_CHARS_PER_TOKEN * self.tokens, characters))

    def fewer(self, count: int) -> int:
        """Return how many of so many items are shown."""
        return count if self.items is None else min(self.items, count)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a section's template sees.

    Args:
        values: names of its own.
        texts: what the template puts into fences.
        items: how many items there are without a cut.
    """

    values: Mapping[str, object]
    texts: Sequence[str] = ()
    items: int = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a prompt is made of.

    Args:
        context, style: what is to be done.
        program: the parent.
        pages: of the user's files.
        pictures: of the parent, by name.
        partner: the program to combine with, for operators that do so.
        max_inspirations: how many other programs are shown at most.
    """

    context: Context
    style: Style
    program: ProgramView
    pages: Sequence[Page] = ()
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    partner: Exhibit | None = None
    max_inspirations: int = 2


Fill = Callable[[Scene, Cut], Filled | None]


@dataclass(frozen=True, slots=True)
class Section:
    """A section: ``fill`` returns None when there is nothing to show. One that is ``whole`` is never cut."""

    fill: Fill
    whole: bool = False


def _static(_scene: Scene, _cut: Cut) -> Filled:
    return Filled({})


def _instruction(scene: Scene, cut: Cut) -> Filled | None:
    found = _lessons(scene, LessonKind.INSTRUCTION, 1)
    characters = None if cut.tokens is None else _CHARS_PER_TOKEN * cut.tokens
    return Filled({"text": one_line(found[0].text, characters)}) if found else None


def _lessons(scene: Scene, kind: LessonKind, most: int) -> list[Lesson]:
    return list(islice((lesson for lesson in scene.context.lessons if lesson.kind is kind), most))


def _problem(scene: Scene, cut: Cut) -> Filled:
    return Filled({"statement": cut.text(scene.context.problem.statement)})


def _context(scene: Scene, cut: Cut) -> Filled | None:
    if not scene.pages:
        return None
    shown = scene.pages[: cut.fewer(len(scene.pages))]
    pages = [Page(one_line(page.name), page.number, page.count, cut.text(page.text)) for page in shown]
    return Filled({"pages": pages}, [page.text for page in pages], len(scene.pages))


def _insights(scene: Scene, cut: Cut) -> Filled | None:
    found = _lessons(scene, LessonKind.INSIGHT, _MOST_ITEMS)
    if not found:
        return None
    count = cut.fewer(len(found))
    items = [
        {
            "text": cut.quoted(lesson.text, _INSIGHT_CHARS),
            "confidence": lesson.confidence,
            "evidence": len(lesson.evidence),
        }
        for lesson in found[:count]
    ]
    known = sum(lesson.kind is LessonKind.INSIGHT for lesson in scene.context.lessons)
    return Filled({"items": items, "left_out": known - count}, items=len(found))


def _hints(scene: Scene, cut: Cut) -> Filled | None:
    found = _lessons(scene, LessonKind.HINT, _MOST_ITEMS)
    if not found:
        return None
    texts = [cut.text(notes(lesson.text)) for lesson in found[: cut.fewer(len(found))]]
    return Filled({"texts": texts}, texts, len(found))


def _inspirations(scene: Scene, cut: Cut) -> Filled | None:
    found = scene.context.inspirations[: scene.max_inspirations]
    if not found:
        return None
    count = cut.fewer(len(found))
    views = [inspiration_view(scene.context.problem, other, scene.context.parent) for other in found[:count]]
    programs = [_clipped(view, cut) for view in views]
    return Filled({"programs": programs, "left_out": len(found) - count}, _texts(programs), len(found))


def _digest(scene: Scene, cut: Cut) -> Filled | None:
    found = scene.context.inspirations[:_MOST_ITEMS]
    if not found:
        return None
    count = cut.fewer(len(found))
    views = [inspiration_view(scene.context.problem, other, scene.context.parent) for other in found[:count]]
    items = [
        {
            "scores": view.scores,
            "lines": view.lines,
            "why": view.why,
            "summary": cut.quoted(view.summary, _REASON_CHARS) if view.summary else "",
        }
        for view in views
    ]
    return Filled({"items": items, "left_out": len(scene.context.inspirations) - count}, items=len(found))


def _partner(scene: Scene, _cut: Cut) -> Filled | None:
    if scene.partner is None:
        return None
    view = whole_view(scene.context.problem, scene.partner)
    return Filled({"partner": view}, [file.text for file in view.files])


def _clipped(view: ProgramView, cut: Cut) -> ProgramView:
    files = tuple(FileView(file.path, cut.text(file.text), True) for file in view.files)
    return ProgramView(files, view.scores, view.instances, view.why)


def _texts(programs: Sequence[ProgramView]) -> list[str]:
    return [file.text for program in programs for file in program.files]


def _lineage(scene: Scene, cut: Cut) -> Filled | None:
    found = scene.context.lineage[-_MOST_ITEMS:]
    if not found:
        return None
    count = cut.fewer(len(found))
    items = [
        {
            "summary": cut.quoted(change.summary, _SUMMARY_CHARS) if change.summary else "a change",
            "effect": changes(scene.context.problem, change),
        }
        for change in found[len(found) - count :]
    ]
    return Filled({"items": items, "left_out": len(scene.context.lineage) - count}, items=len(found))


def _failures(scene: Scene, cut: Cut) -> Filled | None:
    found = scene.context.failures[:_MOST_ITEMS]
    if not found:
        return None
    count = cut.fewer(len(found))
    items = [
        {
            "operator": failure.operator,
            "cause": failure.cause,
            "summary": cut.quoted(failure.summary, _SUMMARY_CHARS) if failure.summary.strip() else "",
            "detail": cut.quoted(failure.detail, _REASON_CHARS) if failure.detail.strip() else "",
        }
        for failure in found[:count]
    ]
    return Filled({"items": items, "left_out": len(scene.context.failures) - count}, items=len(found))


def _parent(scene: Scene, _cut: Cut) -> Filled:
    return Filled({}, [file.text for file in scene.program.files])


def _feedback(scene: Scene, cut: Cut) -> Filled | None:
    text = cut.text(notes(scene.context.parent.evaluation.feedback))
    return Filled({"feedback": text}, [text]) if text else None


def _artifacts(scene: Scene, cut: Cut) -> Filled | None:
    artifacts = scene.context.parent.evaluation.artifacts
    texts = {one_line(name): cut.text(text) for name in sorted(artifacts) if (text := _text(artifacts[name]))}
    shown = dict(list(texts.items())[: cut.fewer(len(texts))])
    return Filled({"artifacts": shown}, list(shown.values()), len(texts)) if texts else None


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else notes(text)


def _pictures(scene: Scene, _cut: Cut) -> Filled | None:
    return Filled({"pictures": [one_line(name) for name in scene.pictures]}) if scene.pictures else None


SECTIONS: Mapping[str, Section] = MappingProxyType(
    {
        "rules": Section(_static, whole=True),
        "instruction": Section(_instruction),
        "format": Section(_static, whole=True),
        "problem": Section(_problem),
        "context": Section(_context),
        "hints": Section(_hints),
        "insights": Section(_insights),
        "inspirations": Section(_inspirations),
        "digest": Section(_digest),
        "partner": Section(_partner, whole=True),
        "lineage": Section(_lineage),
        "failures": Section(_failures),
        "parent": Section(_parent, whole=True),
        "feedback": Section(_feedback),
        "artifacts": Section(_artifacts),
        "pictures": Section(_pictures, whole=True),
        "task": Section(_static, whole=True),
    }
)
"""By name, in the order of the bundled prompt."""

ALWAYS = frozenset({"rules", "instruction", "format", "problem", "context", "hints", "insights", "parent", "task"})
STANDARD = ALWAYS | {"inspirations", "lineage", "failures", "feedback", "artifacts", "pictures"}
