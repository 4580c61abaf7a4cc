"""Operators that make no programs but lessons, out of how attempts went.

What a model writes here is shown in the prompts of many later attempts. So it is read strictly: short
paragraphs of plain prose in a fixed form, each with the evidence it names; anything that could be
taken for a part of a prompt or a program (fences, markers, headings, roles) is thrown away.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.domain.proposal import LESSONS_PER_STEP, Lesson, LessonKind
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Context, Digest, Draft, Standing
from evolve.mutation.answer import ask
from evolve.mutation.digest_prompt import DigestPrompt
from evolve.mutation.fences import answer_lines

_LONGEST_LINE = 2000
_SHORTEST_TEXT = 10
_FINDING = re.compile(
    r"^(?:[-*•]|\d{1,2}[.)]) *\[confidence:? *([01](?:\.\d{1,4})?|\.\d{1,4})\] *(.+?) *\(from:? *([\d, ]+)\) *\.?$",
    re.IGNORECASE,
)
_INSTRUCTION = re.compile(r"^\**instruction\** *\(from:? *([\d, ]+)\) *\**:\** *(.*)$", re.IGNORECASE)
_UNSAFE = re.compile(
    r"`{2}|~{3}|<{4}|>{4}|={4}|EVOLVE-BLOCK|<\||\|>|\[/?INST|^[#>|]"
    r"|</?(?:think|thinking|system|user|assistant|tool|s)\b|^\W*(?:system|user|assistant)\W*:",
    re.IGNORECASE,
)


class Distill:
    """Asks a model what the recent attempts teach; implements Operator.

    Args:
        prompt: builds the messages.
        max_findings: taken from one answer.
        max_chars: of a finding.
        expires_after: finished attempts after which a finding is shown no more; None for never.
    """

    name = "distill"
    needs_model = True

    def __init__(
        self,
        prompt: DigestPrompt,
        *,
        max_findings: int = 3,
        max_chars: int = 300,
        expires_after: int | None = 400,
    ) -> None:
        if not 1 <= max_findings <= LESSONS_PER_STEP:
            raise ConfigurationError(f"max_findings: expected 1 to {LESSONS_PER_STEP}, found {max_findings}.")
        self._prompt = prompt
        self._max_findings = max_findings
        self._max_chars = max_chars
        self._expires_after = expires_after

    async def propose(self, context: Context) -> Draft:
        """Return insights and no files. Raises ProposalRejected or ModelError."""
        digest = _evidence(context)
        insights = _of(LessonKind.INSIGHT, digest)
        messages = self._prompt.messages(
            "distill", context.problem, digest, insights, most=self._max_findings, longest=self._max_chars
        )
        completion = await ask(context, messages)
        steps = {change.step for change in digest.changes} | {failure.step for failure in digest.failures}
        found = parse_findings(completion.text, steps, self._max_chars)[: self._max_findings]
        lessons = tuple(
            Lesson(
                id=context.step * LESSONS_PER_STEP + index,
                kind=LessonKind.INSIGHT,
                text=text,
                evidence=evidence,
                confidence=confidence,
                expires_after=self._expires_after,
            )
            for index, (text, confidence, evidence) in enumerate(found)
        )
        return Draft({}, {"operator": self.name, "model": completion.model, "summary": lessons[0].text}, lessons)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""


class MetaPrompt:
    """Asks a model for a better working instruction; implements Operator.

    Args:
        prompt: builds the messages.
        max_chars: of an instruction.
    """

    name = "meta_prompt"
    needs_model = True

    def __init__(self, prompt: DigestPrompt, *, max_chars: int = 600) -> None:
        self._prompt = prompt
        self._max_chars = max_chars

    async def propose(self, context: Context) -> Draft:
        """Return one instruction and no files. Raises ProposalRejected or ModelError."""
        digest = _evidence(context)
        variants = _of(LessonKind.INSTRUCTION, digest)
        messages = self._prompt.messages(
            "meta_prompt", context.problem, digest, variants, most=1, longest=self._max_chars
        )
        completion = await ask(context, messages)
        known = {standing.lesson.id: standing.lesson.text for standing in variants}
        text, parents = parse_instruction(completion.text, known, self._max_chars)
        if text in known.values():
            raise ProposalRejected("unchanged", "the answer repeats an instruction that there is already.")
        evidence = tuple(change.step for change in digest.changes)
        lesson = Lesson(context.step * LESSONS_PER_STEP, LessonKind.INSTRUCTION, text, parents, evidence)
        return Draft({}, {"operator": self.name, "model": completion.model, "summary": text}, (lesson,))

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""


def parse_findings(answer: str, steps: Collection[int], max_chars: int) -> list[tuple[str, float, tuple[int, ...]]]:
    """Return (text, confidence, evidence) of each finding that can be used; ``steps`` were shown.

    Raises ProposalRejected: ``nothing_new`` when the model says so, ``no_findings`` without a line of
    the right form, ``unfounded`` or ``unsafe_text`` when the only ones name no attempt that was shown
    or are no plain prose.
    """
    lines = [" ".join(line.split()) for line in answer_lines(answer) if len(line) <= _LONGEST_LINE]
    matches = [match for line in lines if (match := _FINDING.match(line))]
    if not matches:
        if any(line.strip(" .*`").upper() == "NONE" for line in lines):
            raise ProposalRejected("nothing_new", "the model found nothing new in the attempts.")
        raise ProposalRejected("no_findings", "no line of the form - [confidence 0.7] text (from 12, 15).")
    found: dict[str, tuple[str, float, tuple[int, ...]]] = {}
    refusals: list[ProposalRejected] = []
    for match in matches:
        try:
            text = plain_text(match[2], max_chars)
            found.setdefault(text.casefold(), (text, min(1.0, float(match[1])), _named(match[3], steps)))
        except ProposalRejected as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    return list(found.values())


def parse_instruction(answer: str, ids: Collection[int], max_chars: int) -> tuple[str, tuple[int, ...]]:
    """Return the text of an instruction and its parents, which are among ``ids``.

    Raises ProposalRejected: ``no_instruction``, ``unfounded`` or ``unsafe_text``.
    """
    lines = [line.strip() for line in answer_lines(answer)]
    for place, line in enumerate(lines):
        match = _INSTRUCTION.match(line) if len(line) <= _LONGEST_LINE else None
        if match is not None:
            rest = lines[place + 1 :]
            paragraph = rest[: rest.index("")] if "" in rest else rest
            return plain_text(" ".join([match[2], *paragraph]), max_chars), _named(match[1], ids)
    raise ProposalRejected("no_instruction", "no line of the form Instruction (from 0): text.")


def plain_text(text: str, max_chars: int) -> str:
    """Return a text as one paragraph of prose. Raises ProposalRejected(unsafe_text) if it is not one."""
    line = " ".join(text.split())
    if not _SHORTEST_TEXT <= len(line) <= max_chars:
        raise ProposalRejected("unsafe_text", f"{len(line)} characters, where {_SHORTEST_TEXT} to {max_chars} may be.")
    odd = next((c for c in line if unicodedata.category(c)[0] == "C"), "")
    if odd or _UNSAFE.search(line):
        raise ProposalRejected("unsafe_text", f"no plain prose: {line[:80]!a}")
    return line


def _named(numbers: str, known: Collection[int]) -> tuple[int, ...]:
    named = [int(number) for number in re.findall(r"\d{1,15}", numbers)]
    shown = tuple(dict.fromkeys(number for number in named if number in known))
    if not shown:
        raise ProposalRejected("unfounded", f"it rests on {numbers.strip()[:80]}, none of which was shown.")
    return shown


def _evidence(context: Context) -> Digest:
    digest = context.digest
    if digest is None:
        raise ConfigurationError("This operator draws lessons and cannot be given a weight: it is called when due.")
    if not digest.changes and not digest.failures:
        raise ProposalRejected("no_evidence", "there are no attempts to learn from yet.")
    return digest


def _of(kind: LessonKind, digest: Digest) -> Sequence[Standing]:
    return [standing for standing in digest.standings if standing.lesson.kind is kind]
