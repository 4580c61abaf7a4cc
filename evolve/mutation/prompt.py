"""Prompts: what a model is told about the program it is to change.

The size of a prompt depends on the problem and the parent, never on how long the run has lasted.
Program texts, feedback and artifacts are data: each is fenced with more backticks than it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evolve.domain.blocks import editable_regions, has_markers, split_lines, without_ending
from evolve.domain.problem import Problem
from evolve.domain.proposal import Message
from evolve.errors import ConfigurationError
from evolve.interfaces import Context, Exhibit
from evolve.mutation.fences import fence_for
from evolve.mutation.patch import marker_width

if TYPE_CHECKING:
    import jinja2

_BUNDLED = Path(__file__).parent / "templates"
_MOST_OTHER_METRICS = 8


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as templates see it; ``text`` has Unix line endings and none at the end."""

    path: str
    text: str
    editable: bool


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program as templates see it. ``scores`` are texts like ``sum_radii = 2.63504``."""

    files: tuple[FileView, ...]
    scores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoalView:
    """An objective as templates see it; ``known`` is ``""`` or the best published value and its source."""

    name: str
    direction: str
    target: str
    known: str


class PromptBuilder:
    """Builds the messages for one model call out of a Context.

    Templates are ``system.j2``, ``user.j2``, ``diff_format.j2`` and ``rewrite_format.j2``; they see
    the names that :meth:`messages` passes, and an unknown name is an error.

    Args:
        template_dir: folder whose templates replace the bundled ones of the same name.
        max_inspirations: how many other programs are shown; 0 shows none.
        max_feedback_chars: of the judge's feedback on the parent, beginning and end; 0 shows none.
        max_artifact_chars: of the parent's text artifacts, all of them together; 0 shows none.
    """

    def __init__(
        self,
        template_dir: Path | str | None = None,
        *,
        max_inspirations: int = 2,
        max_feedback_chars: int = 1500,
        max_artifact_chars: int = 1500,
    ) -> None:
        self._template_dir = None if template_dir is None else Path(template_dir)
        if self._template_dir is not None and not self._template_dir.is_dir():
            raise ConfigurationError(f"template_dir: there is no folder {self._template_dir}.")
        self._max_inspirations = max_inspirations
        self._max_feedback_chars, self._max_artifact_chars = max_feedback_chars, max_artifact_chars
        self._environment: jinja2.Environment | None = None

    def messages(self, kind: Literal["diff", "rewrite"], context: Context) -> tuple[Message, ...]:
        """Return the messages. Raises ConfigurationError that names a faulty template."""
        problem, parent = context.problem, context.parent
        program = ProgramView(tuple(_files(problem, parent)), _scores(problem, parent, _MOST_OTHER_METRICS))
        feedback = clip(parent.evaluation.feedback.strip(), self._max_feedback_chars)
        artifacts = _artifacts(parent.evaluation.artifacts, self._max_artifact_chars)
        others = tuple(_inspiration(problem, other) for other in context.inspirations[: self._max_inspirations])
        shown = [file.text for view in (program, *others) for file in view.files]
        values = {
            "kind": kind,
            "problem": problem,
            "goals": tuple(_goals(problem)),
            "program": program,
            "has_blocks": any(file.editable and has_markers(file.text) for file in program.files),
            "several_files": sum(file.editable for file in program.files) > 1,
            "feedback": feedback,
            "artifacts": artifacts,
            "inspirations": others,
            "fence": fence_for(*shown, feedback, *artifacts.values()),
            "marker_width": marker_width(parent.program.files),
        }
        return tuple(Message(role, self._render(f"{role}.j2", values)) for role in ("system", "user"))

    def _render(self, name: str, values: Mapping[str, object]) -> str:
        import jinja2

        if self._environment is None:
            self._environment = _environment(self._template_dir)
        try:
            return self._environment.get_template(name).render(values).strip()
        except jinja2.TemplateSyntaxError as error:
            raise ConfigurationError(f"Template {error.filename}, line {error.lineno}: {error.message}.") from error
        except jinja2.TemplateError as error:
            raise ConfigurationError(f"Template {name}: {error}. Known names: {', '.join(sorted(values))}.") from error


def _environment(template_dir: Path | None) -> jinja2.Environment:
    import jinja2

    folders = [_BUNDLED] if template_dir is None else [template_dir, _BUNDLED]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def clip(text: str, limit: int) -> str:
    """Return the text, or its beginning and end with a note of how much is missing between them."""
    if len(text) <= limit or limit <= 0:
        return text if limit > 0 else ""
    head = limit // 2
    tail = limit - head
    return f"{text[:head]}\n[{len(text) - limit} characters left out]\n{text[-tail:]}"


def _plain(text: str) -> str:
    return "\n".join(without_ending(line) for line in split_lines(text))


def _files(problem: Problem, exhibit: Exhibit) -> Iterator[FileView]:
    """Editable files first."""
    files = exhibit.program.files
    for path in sorted(files, key=lambda path: (not problem.is_editable(path), path)):
        yield FileView(path, _plain(files[path]), problem.is_editable(path))


def _inspiration(problem: Problem, exhibit: Exhibit) -> ProgramView:
    """What lies outside blocks is left out: it is the same in every program."""
    files = tuple(
        FileView(file.path, _editable_text(file.text), True) for file in _files(problem, exhibit) if file.editable
    )
    return ProgramView(files, _scores(problem, exhibit, 0))


def _editable_text(text: str) -> str:
    lines = text.split("\n")
    parts = ["\n".join(lines[region.first : region.stop]) for region in editable_regions(text)]
    return "\n[...]\n".join(parts)


def _scores(problem: Problem, exhibit: Exhibit, most_others: int) -> tuple[str, ...]:
    """Every digit is kept: progress may show in the last ones only."""
    metrics = exhibit.evaluation.metrics
    names = [objective.name for objective in problem.objectives]
    others = sorted(set(metrics) - set(names))[:most_others]
    scores = tuple(f"{name} = {metrics[name]!r}" for name in (*names, *others) if name in metrics)
    return scores or (f"none, the evaluation ended {exhibit.evaluation.outcome.value}",)


def _goals(problem: Problem) -> Iterator[GoalView]:
    for objective in problem.objectives:
        known = [
            f"{best.value!r} ({best.source})"
            for best in problem.known_best
            if best.objective == objective.name
            and all(problem.params.get(name) == value for name, value in best.params.items())
        ]
        target = "" if objective.target is None else repr(objective.target)
        yield GoalView(objective.name, objective.direction.value, target, known[0] if known else "")


def _artifacts(artifacts: Mapping[str, bytes], limit: int) -> dict[str, str]:
    """Return the artifacts that are text, each with an equal share of the limit."""
    texts = {name: text for name in sorted(artifacts) if (text := _text(artifacts[name]))}
    if limit <= 0 or not texts:
        return {}
    return {name: clip(text, max(1, limit // len(texts))) for name, text in texts.items()}


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text.strip()
