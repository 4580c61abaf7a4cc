"""Ten thousand answers: none crashes an operator, none half-applies, each rejected one has a cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evolve.domain.blocks import only_blocks_changed, split_lines, without_ending
from evolve.domain.causes import Cause
from evolve.domain.proposal import Request
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Operator
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.crossover import Crossover
from evolve.mutation.diff import Diff
from evolve.mutation.fences import answer_lines
from evolve.mutation.patch import Patch, parse
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.repair import Repair
from evolve.mutation.rewrite import Rewrite
from evolve.mutation.shift import Shift
from evolve.mutation.simplify import Simplify
from tests.mutation.fuzzing import ANSWERING, PROGRAMS, damaged, honest, persona, scene

KINDS: tuple[type[Any], ...] = (Diff, Rewrite, Crossover, Simplify, Repair, Shift)
ANSWERS = 10_000
SHARE_OF_PERSONAS = 0.05


class Player:
    """A model that gives answers of a kind, drawn anew for each request; keeps the last one."""

    def __init__(self, rng: np.random.Generator, *, is_honest: bool) -> None:
        self._rng = rng
        self._is_honest = is_honest
        self.said: list[str] = []

    def __call__(self, request: Request) -> str:
        text = self._text(request)
        self.said.append(text)
        return text

    def _text(self, request: Request) -> str:
        if self._is_honest:
            return honest(request.messages, self._rng)
        name = ANSWERING[int(self._rng.integers(len(ANSWERING)))]
        if self._rng.random() < SHARE_OF_PERSONAS:
            return persona(name, request.messages, self._rng).text
        return damaged(honest(request.messages, self._rng), honest(request.messages, self._rng), self._rng)


async def proposed(operator: Operator, context: Context, player: Player) -> Draft | ProposalRejected:
    try:
        return await operator.propose(replace(context, model=ScriptedModel(player)))
    except ProposalRejected as rejection:
        return rejection


def bodies(text: str) -> list[str]:
    return [without_ending(line) for line in split_lines(text)]


def check_whole(context: Context, files: Mapping[str, str], answer: str, base: Mapping[str, str]) -> None:
    """The child is ``base`` but for lines that the answer states, in places that may change."""
    parent = context.parent.program.files
    assert files.keys() == parent.keys()
    assert files != parent
    stated = set(answer_lines(answer)) | {line.strip() for line in answer_lines(answer)}
    for path, text in files.items():
        if text == parent[path]:
            continue
        assert context.problem.is_editable(path)
        assert only_blocks_changed(parent[path], text, path) == ""
        text.encode("utf-8")
        for line in bodies(text):
            assert line in stated or line in bodies(base[path]) or line.strip() in stated


def check_every_block(patch: Patch, files: Mapping[str, str], base: Mapping[str, str]) -> None:
    """Applying block after block with a search in plain text gives the same, wherever it is that easy."""
    texts = {path: "\n" + "".join(line + "\n" for line in bodies(text)) for path, text in base.items()}
    path = next(iter(base))
    for hunk in patch.hunks:
        path = hunk.path or path
        search, replacement = ("\n" + "".join(line + "\n" for line in part) for part in (hunk.search, hunk.replace))
        if path not in texts or texts[path].count(search) != 1 or not hunk.search:
            return
        texts[path] = texts[path].replace(search, replacement)
    assert {path: bodies(text[1:]) for path, text in texts.items()} == {p: bodies(text) for p, text in files.items()}


async def test_ten_thousand_broken_answers() -> None:
    rng = np.random.default_rng(20260101)
    operators = [kind(PromptBuilder(), repairs=index % 2) for index, kind in enumerate(KINDS * 2)]
    answers, ends = 0, Counter[str]()
    while answers < ANSWERS:
        context = scene(int(rng.integers(1000)), rng)
        operator = operators[int(rng.integers(len(operators)))]
        player = Player(rng, is_honest=False)
        end = await proposed(operator, context, player)
        answers += len(player.said)
        ends[end.cause if isinstance(end, ProposalRejected) else "made"] += 1
        if isinstance(end, ProposalRejected):
            assert end.cause in list(Cause)
            assert end.detail
            continue
        base = context.failures[0].files if operator.name == "repair" else context.parent.program.files
        check_whole(context, end.files, player.said[-1], base)
        if operator.name in ("diff", "repair"):
            check_every_block(parse(player.said[-1], base), end.files, base)
    assert ends["made"] > 500
    assert len(ends) > 12, ends


@pytest.mark.parametrize("kind", KINDS)
async def test_every_honest_answer_makes_a_program(kind: type[Any]) -> None:
    rng = np.random.default_rng(7)
    operator = kind(PromptBuilder(), repairs=0)
    for index in range(15 * len(PROGRAMS)):
        context = scene(index, rng)
        player = Player(rng, is_honest=True)
        end = await proposed(operator, context, player)
        assert isinstance(end, Draft), f"{end}\n{player.said[-1]}"
        base = context.failures[0].files if operator.name == "repair" else context.parent.program.files
        check_whole(context, end.files, player.said[-1], base)


@pytest.mark.parametrize("name", ANSWERING)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_persona_ends_in_a_program_or_a_cause(kind: type[Any], name: str) -> None:
    rng = np.random.default_rng(11)
    operator = kind(PromptBuilder())
    for index in range(2 if name in ("huge", "enormous") else len(PROGRAMS)):
        context = scene(index, rng)

        def answer(request: Request) -> str:
            return persona(name, request.messages, rng).text

        try:
            draft = await operator.propose(replace(context, model=ScriptedModel(answer)))
            assert draft.files != context.parent.program.files
        except ProposalRejected as rejection:
            assert rejection.cause in list(Cause)
