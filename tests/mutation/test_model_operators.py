"""What every operator that asks a model does, and what each of them asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.proposal import Message, Request
from evolve.errors import ConfigurationError, ModelError, ProposalRejected
from evolve.interfaces import Context, Draft, Failure, Tier
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.crossover import Crossover
from evolve.mutation.diff import Diff
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.repair import Repair
from evolve.mutation.rewrite import Rewrite
from evolve.mutation.shift import Shift
from evolve.mutation.simplify import Simplify
from tests.mutation.model_context import PACKING, context, default_prompt

KINDS: tuple[type[Any], ...] = (Diff, Rewrite, Crossover, Simplify, Repair, Shift)
CHILD = PACKING.replace("0.5 / side", "0.49 / side")
OTHER = PACKING.replace("circles = []", "circles = list()")
BROKEN = PACKING.replace("0.5 / side", "0.5 / 0")
FIX = {"diff": "    radius = 0.5 / side\n", "repair": "    radius = 0.5 / 0\n"}


def failure(step: int = 7, operator: str = "diff", files: str = BROKEN, cause: str = "crashed") -> Failure:
    return Failure(step, operator, cause, "ZeroDivisionError: float division by zero", "Smaller.", {"main.py": files})


def scene(answers: Sequence[str] = (), **changes: Any) -> Context:
    model = ScriptedModel(answers) if answers else None
    given = {"inspirations": [{"main.py": OTHER}], "failures": [failure()], **changes}
    return context({"main.py": PACKING}, model=model, **given)


def honest(kind: type[Any]) -> str:
    """Return an answer that makes CHILD, in the form that the operator asks for."""
    if kind in (Diff, Repair):
        search = FIX[kind.name]
        return f"Less.\n<<<<<<< SEARCH\n{search}=======\n    radius = 0.49 / side\n>>>>>>> REPLACE\n"
    return f"Less.\n\n```python\n{CHILD}```\n"


class Recorder:
    """A script that keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.asked: list[Request] = []
        self._answers = answers

    def __call__(self, request: Request) -> str:
        self.asked.append(request)
        return self._answers[(len(self.asked) - 1) % len(self._answers)]

    def messages(self) -> tuple[Message, ...]:
        return self.asked[-1].messages


async def proposed(kind: type[Any], *answers: str, repairs: int = 1, **changes: Any) -> tuple[Draft, Recorder]:
    script = Recorder(*answers)
    given = replace(scene(**changes), model=ScriptedModel(script))
    return await kind(default_prompt(), repairs=repairs).propose(given), script


@pytest.mark.parametrize("kind", KINDS)
async def test_an_honest_answer_becomes_the_child_with_a_json_account(kind: type[Any]) -> None:
    draft, script = await proposed(kind, honest(kind))
    assert draft.files == {"main.py": CHILD}
    assert len(script.asked) == 1
    assert json.loads(json.dumps(draft.detail)) == draft.detail
    assert draft.detail["operator"] == kind.name
    assert draft.detail["model"] == "scripted"
    assert draft.detail["summary"] == "Less."
    assert "repairs" not in draft.detail


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unusable_answer_is_shown_to_the_model_once_with_the_reason(kind: type[Any]) -> None:
    draft, script = await proposed(kind, "I would\nrather not.", honest(kind))
    assert draft.files == {"main.py": CHILD}
    assert draft.detail["repairs"] == 1
    assert [request.call for request in script.asked] == [0, 1]
    first, second = (request.messages for request in script.asked)
    assert second[: len(first)] == first
    assert second[-2] == Message("assistant", "I would\nrather not.")
    assert "cannot be used" in second[-1].content
    assert "the answer has no" in second[-1].content


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repairs", [0, 1, 2])
async def test_after_the_last_repair_the_cause_counts(kind: type[Any], repairs: int) -> None:
    script = Recorder("No.", "Never.", honest(kind))
    operator = kind(default_prompt(), repairs=repairs)
    given = replace(scene(), model=ScriptedModel(script))
    if repairs == 2:
        assert (await operator.propose(given)).detail["repairs"] == 2
    else:
        with pytest.raises(ProposalRejected) as caught:
            await operator.propose(given)
        assert caught.value.cause in ("malformed_patch", "no_code")
    assert len(script.asked) == repairs + 1


@pytest.mark.parametrize(
    ("answer", "reason", "expected", "calls"),
    [
        (f"```python\n{CHILD}```", "length", "truncated", 1),
        ("  \n", "stop", "empty_answer", 1),
        ("<think>never said", "stop", "empty_answer", 1),
        ("I can't.", "stop", "no_code", 2),
        (f"```python\n{PACKING}```", "stop", "unchanged", 2),
        (f"```python\n{PACKING.replace('circles = []', 'circles = [')}```", "stop", "syntax_error", 2),
        ("```python\n" + "x = 1\n" * 60_000 + "```", "stop", "too_large", 2),
    ],
)
async def test_unusable_answers_are_rejected_with_their_cause(
    answer: str, reason: str, expected: str, calls: int
) -> None:
    script = Recorder(answer)
    model = ScriptedModel(script, finish_reason=reason)
    with pytest.raises(ProposalRejected) as caught:
        await Rewrite(default_prompt()).propose(context({"main.py": PACKING}, model=model))
    assert caught.value.cause == expected
    assert len(script.asked) == calls
    assert sum(len(message.content) for message in script.messages()) < 15_000


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_model_nothing_is_proposed(kind: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match="llm="):
        await kind(PromptBuilder()).propose(scene())


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_that_fails_is_not_a_rejection(kind: type[Any]) -> None:
    def refuse(_request: object) -> str:
        raise ModelError("no money left")

    with pytest.raises(ModelError):
        await kind(PromptBuilder()).propose(replace(scene(), model=ScriptedModel(refuse)))


def test_more_repairs_than_two_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="0 to 2"):
        Diff(PromptBuilder(), repairs=3)


def test_names_are_different_and_only_the_shift_wants_a_strong_model() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert {kind.name for kind in KINDS if kind.tier is Tier.STRONG} == {"shift"}


# ── what each of them shows ───────────────────────────────────────────────────────────────────
async def test_crossover_shows_the_other_program_in_full_and_says_which() -> None:
    draft, script = await proposed(Crossover, honest(Crossover))
    text = script.messages()[1].content
    assert f"# Program to combine with\nsum_radii = 2.3095238095238093, seconds = 0.25\n```python\n{OTHER}```" in text
    assert "for ideas" not in text
    assert draft.detail["partner"] == 1


@pytest.mark.parametrize("others", [[], [{"main.py": PACKING}]])
async def test_crossover_needs_another_program(others: list[Mapping[str, str]]) -> None:
    with pytest.raises(ProposalRejected, match="no_partner"):
        await proposed(Crossover, honest(Crossover), inspirations=others)


async def test_crossover_draws_its_partner() -> None:
    others = [{"main.py": OTHER}, {"main.py": PACKING}, {"main.py": OTHER + "\n"}]
    drawn = {
        (await proposed(Crossover, honest(Crossover), inspirations=others, seed=seed))[0].detail["partner"]
        for seed in range(20)
    }
    assert drawn == {1, 3}


async def test_simplify_asks_for_less_code() -> None:
    _, script = await proposed(Simplify, honest(Simplify))
    text = script.messages()[1].content
    assert "shorter and clearer" in text
    assert "for ideas" not in text


async def test_shift_shows_a_digest_instead_of_programs() -> None:
    given = scene()
    (other,) = given.inspirations
    told = replace(other, program=replace(other.program, detail={"summary": "Rows of circles."}), why="best")
    script = Recorder(honest(Shift))
    await Shift(default_prompt()).propose(replace(given, inspirations=[told], model=ScriptedModel(script)))
    text = script.messages()[1].content
    assert '- sum_radii = 2.3095238095238093, seconds = 0.25; 11 lines; best; "Rows of circles."' in text
    assert "circles = list()" not in text


async def test_repair_shows_the_failed_program_with_its_error() -> None:
    draft, script = await proposed(Repair, honest(Repair), failures=[failure(8, cause="worse"), failure(7)])
    text = script.messages()[1].content
    assert f"# Current program\nnone, the evaluation ended crashed\n```python\n{BROKEN}```" in text
    assert "Feedback of the judge:\n```\nZeroDivisionError: float division by zero\n```" in text
    assert text.count("ZeroDivisionError") == 2  # the other failure, in its own section
    assert draft.detail["repaired"] == 7


@pytest.mark.parametrize(
    "failures",
    [
        [],
        [failure(cause="worse")],
        [failure(cause="search_not_found")],
        [Failure(7, "diff", "crashed", "detail", "summary")],
        [failure(9, "repair"), failure(8, "repair"), failure(7)],
    ],
)
async def test_without_a_failed_child_there_is_nothing_to_repair(failures: list[Failure]) -> None:
    with pytest.raises(ProposalRejected, match="nothing_to_repair"):
        await proposed(Repair, honest(Repair), failures=failures)


async def test_a_failed_repair_is_repaired_once_more() -> None:
    worse = PACKING.replace("0.5 / side", "0.4 / 0")
    answer = honest(Repair).replace("0.5 / 0", "0.4 / 0")
    draft, _ = await proposed(Repair, answer, failures=[failure(8, "repair", worse), failure(7)])
    assert draft.detail["repaired"] == 8


async def test_a_repair_that_gives_the_parent_back_is_unchanged() -> None:
    with pytest.raises(ProposalRejected, match="unchanged"):
        await proposed(Repair, honest(Repair).replace("0.49 / side", "0.5 / side"))


async def test_what_was_shortened_is_on_record() -> None:
    verdict = Evaluation("full", Outcome.VALID, "judge", metrics={"sum_radii": 2.0}, feedback="long " * 5000)
    draft, _ = await proposed(Diff, honest(Diff), evaluation=verdict)
    assert draft.detail["shortened"] == ["feedback"]
