"""Prompts: what a model is told about the program it is to change.

The size of a prompt depends on the problem and the parent, never on how long the run has lasted: each
section has a budget. What programs, judges and models wrote is data: it stands in fences that are
longer than any it holds, or on one line between quotes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from evolve.arguments import at_least, check_value
from evolve.domain.blocks import has_markers
from evolve.domain.causes import Cause
from evolve.domain.proposal import Message, Picture
from evolve.domain.tokens import TOKENS_PER_MESSAGE, TOKENS_PER_PICTURE, estimate_tokens, shorten
from evolve.errors import ConfigurationError, ProposalRejected, nearest
from evolve.interfaces import Context, Exhibit, LanguageModel
from evolve.mutation.context_files import ContextFiles
from evolve.mutation.fences import fence_for
from evolve.mutation.patch import marker_width
from evolve.mutation.pictures import chosen_pictures
from evolve.mutation.quoting import notes, plain
from evolve.mutation.sections import SECTIONS, Cut, Scene, Section, Style
from evolve.mutation.templating import Templates
from evolve.mutation.views import goals, parent_view

ANSWER = "answer"
"""Name of the budget for a model's own answer, when it is asked to mend it."""
_SHORTENED_FIRST = (
    "artifacts", "context", "inspirations", "digest", "lineage", "failures", "insights", "feedback", "instruction",
    "hints", "problem",
)  # fmt: skip
_SHARE_OF_WINDOW = 0.85
"""Of what a model reads at once: estimates may be that far below what it counts."""
_SMALLEST_TEXT = 8
_REASON_TOKENS = 300
_LONGEST_ANSWER = 10_000
"""Tokens; what is longer is a flood, and nothing of it would be mended."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages for one model call.

    Args:
        messages: what is sent.
        tokens: about how long they are, pictures included.
        limit: how long they may be, None where nothing is known.
        shortened: sections that are not shown in full, in alphabetical order.
        squeezed: those that were shortened for the limit on the whole prompt.
        over_budget: sections that are longer than their budget because they are never cut.
        variants: section -> the variant of its template that was drawn, where there were several.
    """

    messages: tuple[Message, ...]
    tokens: int
    limit: int | None = None
    shortened: tuple[str, ...] = ()
    squeezed: tuple[str, ...] = ()
    over_budget: tuple[str, ...] = ()
    variants: Mapping[str, str] = field(default_factory=dict)

    def account(self) -> dict[str, object]:
        """Return what a draft's detail should say of the prompt; empty if there is nothing to say."""
        account: dict[str, object] = {}
        if self.shortened:
            account["shortened"] = list(self.shortened)
        if self.squeezed:
            account["squeezed"] = list(self.squeezed)
        if self.over_budget:
            account["over_budget"] = list(self.over_budget)
        if self.variants:
            account["variants"] = dict(self.variants)
        return account


@dataclass(frozen=True, slots=True)
class _Part:
    """A section on its way into a prompt; ``items`` is how many it would show without a cut."""

    text: str
    tokens: int
    items: int
    cut: bool = False


_NOTHING = _Part("", 0, 0)


class PromptBuilder:
    """Builds the messages for one model call out of a Context.

    The templates are ``system.j2``, ``user.j2`` and, for the sections of
    :data:`evolve.mutation.sections.SECTIONS`, ``sections/NAME.j2``; ``tasks`` and ``formats`` hold what
    depends on the operator. An unknown name in a template is an error.

    Args:
        template_dir: folder whose templates replace the bundled ones of the same path.
        sections: name -> tokens it may have, 0 to leave it out, None (as for those not named) for no limit.
        max_prompt_tokens: of the whole prompt; sections are shortened to keep to it, and to what the model
            reads at once if that is known. None for no other limit.
        max_inspirations: how many other programs are shown.
        context_files: texts to show pages of; paths from the problem's folder, or absolute.
        pictures: ``auto`` attaches the parent's PNG artifacts where the model sees, ``off`` none.
        max_pictures: how many.
        max_picture_bytes: larger ones are left out.
        variants: whether a variant of each template is drawn, where there are some.

    Raises:
        ConfigurationError: a section is not known, a number is negative, or the folder does not exist.
    """

    def __init__(
        self,
        template_dir: Path | str | None = None,
        *,
        sections: Mapping[str, int | None] | None = None,
        max_prompt_tokens: int | None = None,
        max_inspirations: int = 2,
        context_files: Sequence[str] = (),
        pictures: Literal["auto", "off"] = "auto",
        max_pictures: int = 2,
        max_picture_bytes: int = 1_000_000,
        variants: bool = False,
    ) -> None:
        self._templates = Templates(None if template_dir is None else Path(template_dir))
        self._budgets = _checked(sections or {})
        at_least(
            0, "mutation.prompt", max_inspirations=max_inspirations, max_pictures=max_pictures,
            max_picture_bytes=max_picture_bytes, max_prompt_tokens=max_prompt_tokens,
        )  # fmt: skip
        self._max_prompt_tokens = max_prompt_tokens
        self._max_inspirations = max_inspirations
        self._context_files = ContextFiles(context_files)
        self._max_pictures = max_pictures if pictures == "auto" else 0
        self._max_picture_bytes = max_picture_bytes
        self._variants = variants

    # ── the first question ────────────────────────────────────────────────────────────────────
    def prompt(
        self,
        style: Style,
        context: Context,
        *,
        partner: Exhibit | None = None,
        names: Mapping[str, object] = MappingProxyType({}),
    ) -> Prompt:
        """Return the prompt. ``partner`` is for the section of that name, ``names`` what templates see beside theirs.

        Raises ConfigurationError that names a faulty template, and ProposalRejected(prompt_too_long).
        """
        scene = self._scene(style, context, partner)
        drawing = _Drawing(self._templates, self._names(scene), {**_values(scene), **names})
        parts = {name: self._fitted(drawing, name, scene, self._budgets.get(name)) for name in SECTIONS}
        shown = self._shown_pictures(scene, parts)
        total = 2 * TOKENS_PER_MESSAGE + TOKENS_PER_PICTURE * len(shown) + sum(part.tokens for part in parts.values())
        limit = self._limit(context.model)
        bounded = self._bounded(drawing, scene, parts, total, limit)
        squeezed = [name for name in SECTIONS if bounded[name] is not parts[name]]
        total -= sum(parts[name].tokens - bounded[name].tokens for name in squeezed)
        parts = bounded
        system, user = self._assembled(drawing, parts)
        return Prompt(
            messages=(Message("system", system), Message("user", user, shown)),
            tokens=total,
            limit=limit,
            shortened=tuple(sorted(name for name, part in parts.items() if part.cut)),
            squeezed=tuple(sorted(squeezed)),
            over_budget=tuple(sorted(name for name, part in parts.items() if self._over_budget(name, part))),
            variants=drawing.variants,
        )

    def _scene(self, style: Style, context: Context, partner: Exhibit | None) -> Scene:
        shows_context = self._shows("context", style)
        pages = (
            self._context_files.pages(context.problem.folder, self._budgets.get("context"), context.rng)
            if shows_context
            else []
        )
        sees = context.model is not None and context.model.sees
        most = self._max_pictures if sees and self._shows("pictures", style) else 0
        pictures = chosen_pictures(context.parent.evaluation.artifacts, most, self._max_picture_bytes)
        parent = parent_view(context.problem, context.parent)
        return Scene(context, style, parent, pages, pictures, partner, self._max_inspirations)

    def _limit(self, model: LanguageModel | None) -> int | None:
        """Return the configured limit or the model's, whichever is lower; less a margin, since tokens are estimated."""
        known = [self._max_prompt_tokens]
        if model is not None and model.context_tokens is not None:
            known.append(int(model.context_tokens * _SHARE_OF_WINDOW))
        return min((limit for limit in known if limit is not None), default=None)

    def _shows(self, name: str, style: Style) -> bool:
        return name in style.sections and self._budgets.get(name) != 0

    def _names(self, scene: Scene) -> dict[str, str]:
        """Return section -> its template; variants are drawn in the order of SECTIONS."""
        names = {name: f"sections/{name}.j2" for name in SECTIONS}
        names["task"], names["format"] = f"tasks/{scene.style.task}.j2", f"formats/{scene.style.answer}.j2"
        if not self._variants:
            return names
        return {name: self._templates.drawn(template, scene.context.rng) for name, template in names.items()}

    def _shown_pictures(self, scene: Scene, parts: Mapping[str, _Part]) -> tuple[Picture, ...]:
        return tuple(scene.pictures.values()) if parts["pictures"].text else ()

    def _over_budget(self, name: str, part: _Part) -> bool:
        budget = self._budgets.get(name)
        return budget is not None and part.tokens > budget

    def _assembled(self, drawing: _Drawing, parts: Mapping[str, _Part]) -> tuple[str, str]:
        values = {**drawing.values, "sections": {name: part.text for name, part in parts.items()}}
        return self._templates.render("system.j2", values), self._templates.render("user.j2", values)

    # ── budgets ───────────────────────────────────────────────────────────────────────────────
    def _fitted(self, drawing: _Drawing, name: str, scene: Scene, budget: int | None) -> _Part:
        """Return a section that keeps to its budget: with fewer items, then with shorter texts."""
        if name not in scene.style.sections or budget == 0:
            return _NOTHING
        section = SECTIONS[name]
        part = drawing.part(name, section, scene, Cut())
        if budget is None or part.tokens <= budget or section.whole:
            return replace(part, cut=name == "context" and any(page.count > 1 for page in scene.pages))
        shorter = _with_fewer_items(drawing, name, scene, budget, part)
        return replace(shorter or _with_shorter_texts(drawing, name, scene, budget), cut=True)

    def _bounded(
        self, drawing: _Drawing, scene: Scene, parts: Mapping[str, _Part], total: int, limit: int | None
    ) -> dict[str, _Part]:
        """Return the sections, shortened so that the prompt keeps to its limit. Raises ProposalRejected."""
        bounded = dict(parts)
        for name in _SHORTENED_FIRST:
            before = bounded[name].tokens
            if limit is None or total <= limit:
                return bounded
            if before:
                left = max(0, before - (total - limit))
                bounded[name] = replace(self._fitted(drawing, name, scene, left), cut=True)
                total -= before - bounded[name].tokens
        if limit is None or total <= limit:
            return bounded
        raise ProposalRejected(
            Cause.PROMPT_TOO_LONG,
            f"about {total} tokens are left when everything is cut that may be, and {limit} are allowed; "
            f"the program alone has {parts['parent'].tokens}.",
        )

    # ── the second question ───────────────────────────────────────────────────────────────────
    def mended(self, prompt: Prompt, answer: str, rejection: ProposalRejected) -> Prompt | None:
        """Return the prompt that shows a model its unusable answer and the reason; None if there is no room."""
        reason = notes(shorten(rejection.detail, _REASON_TOKENS))
        values = {"cause": Cause(rejection.cause), "reason": reason, "fence": fence_for(reason)}
        asked = self._templates.render("tasks/mend.j2", values)
        shown = plain(shorten(answer, self._room_for_answer(prompt, estimate_tokens(asked))))
        if not shown.strip():
            return None
        tokens = prompt.tokens + estimate_tokens(asked) + estimate_tokens(shown)
        messages = (*prompt.messages, Message("assistant", shown), Message("user", asked))
        return replace(prompt, messages=messages, tokens=tokens)

    def _room_for_answer(self, prompt: Prompt, asked: int) -> int:
        rooms = [_LONGEST_ANSWER]
        budget = self._budgets.get(ANSWER)
        if budget is not None:
            rooms.append(budget)
        if prompt.limit is not None:
            rooms.append(prompt.limit - prompt.tokens - asked - 2 * TOKENS_PER_MESSAGE)
        return min(rooms)


class _Drawing:
    """Renders the sections of one prompt; ``names`` are their templates, ``values`` what all of them see."""

    def __init__(self, templates: Templates, names: Mapping[str, str], values: Mapping[str, object]) -> None:
        self.values = values
        self.variants = {name: template for name, template in names.items() if ".variant-" in template}
        self._templates = templates
        self._names = names

    def part(self, name: str, section: Section, scene: Scene, cut: Cut) -> _Part:
        """Return a section under a cut; nothing if there is nothing to show."""
        filled = section.fill(scene, cut)
        if filled is None:
            return _NOTHING
        own = {"fence": fence_for(*filled.texts), **filled.values}
        text = self._templates.render(self._names[name], {**self.values, **own})
        return _Part(text, estimate_tokens(text), filled.items)


def _with_fewer_items(drawing: _Drawing, name: str, scene: Scene, budget: int, whole: _Part) -> _Part | None:
    """Return the section with about as many of its items as fit; None if not even one does."""
    for items in range(min(whole.items - 1, whole.items * budget // whole.tokens), 0, -1):
        part = drawing.part(name, SECTIONS[name], scene, Cut(items))
        if part.tokens <= budget:
            return part
    return None


def _with_shorter_texts(drawing: _Drawing, name: str, scene: Scene, budget: int) -> _Part:
    tokens = budget
    while tokens >= _SMALLEST_TEXT:
        part = drawing.part(name, SECTIONS[name], scene, Cut(1 if name != "artifacts" else None, tokens))
        if part.tokens <= budget:
            return part
        tokens = min(tokens * 3 // 4, tokens - (part.tokens - budget) // max(1, part.items))
    return _NOTHING


def _values(scene: Scene) -> dict[str, object]:
    """Return the names that every template sees."""
    problem, program = scene.context.problem, scene.program
    return {
        "problem": problem,
        "goals": tuple(goals(problem)),
        "program": program,
        "has_blocks": any(file.editable and has_markers(file.text) for file in program.files),
        "several_files": sum(file.editable for file in program.files) > 1,
        "answer_fence": fence_for(*(file.text for file in program.files if file.editable)),
        "marker_width": marker_width(scene.context.parent.program.files),
    }


def _checked(sections: Mapping[str, int | None]) -> dict[str, int | None]:
    known = {*SECTIONS, ANSWER}
    for name, tokens in sections.items():
        where = f"mutation.prompt.sections.{name}"
        if name not in known:
            raise ConfigurationError(f"{where}: there is no such section. {nearest(name, known)}")
        check_value(tokens, int | None, where)
        at_least(0, "mutation.prompt.sections", **{name: tokens})
    return dict(sections)
