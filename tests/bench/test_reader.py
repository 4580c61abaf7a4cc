from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evolve import configuration, problem_library, wiring
from evolve.bench.answers import NUMBER, Prompt
from evolve.bench.personas import PERSONAS, read_prompt
from evolve.bench.prompts import Setting, scene
from evolve.bench.reader import read, read_and_change
from evolve.domain.problem import Problem
from evolve.domain.proposal import Request
from evolve.interfaces import Change, Context, Failure
from evolve.llm.scripted import ScriptedModel

PEERS = Path(__file__).resolve().parent / "peer_prompts"
"""Prompts that the peers sent in races of `dispatching`, word for word."""
OLD = "room = bins - item\n    score = -room * (1.0 + 0.1 * item)\n    return score"
BETTER = "room = bins - item\n    score = -room * (1.0 + 0.5 * item)\n    return score"
WORSE = "room = bins - item\n    score = -room * (1.0 + 0.02 * item)\n    return score"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def peers_prompt(name: str, number: int) -> Prompt:
    return read_prompt(json.loads((PEERS / f"{name}.json").read_text())[number], 0)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_library.load_problem("bin_packing")


def our_prompt(problem: Problem, operator: str, others: tuple[str, ...], failures: tuple[Failure, ...] = ()) -> Prompt:
    """Return what an operator of ours really asks."""
    config = configuration.configure(["problem=bin_packing", "llm=single", "llm.model=none"])
    asked: list[Request] = []

    def answer(request: Request) -> str:
        asked.append(request)
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return PERSONAS["mutator"](read_prompt(messages, 0), rng()).text

    context: Context = scene(problem, Setting("bin_packing", OLD, others), 3)
    plain = [replace(other, program=replace(other.program, files=files(problem, body))) for other, body in
             zip(context.inspirations, others, strict=True)]  # fmt: skip
    context = replace(
        context, inspirations=plain, failures=failures, model=ScriptedModel(answer), lineage=list[Change](), lessons=()
    )
    named = wiring.build_operators(config, problem, wiring.build_model(config)).named(operator)
    asyncio.run(named.propose(context))
    messages = [{"role": message.role, "content": message.content} for message in asked[0].messages]
    return read_prompt(messages, 0)


def files(problem: Problem, body: str) -> dict[str, str]:
    text = problem.seed().files[problem.entry]
    return {problem.entry: text.replace("    room = bins - item\n    return -room\n", f"    {body}\n")}


# ── what it finds in the prompts of each system ───────────────────────────────────────────────
def test_programs_and_scores_of_our_prompts(problem: Problem) -> None:
    for operator in ("diff", "rewrite"):
        found = read(our_prompt(problem, operator, (BETTER, WORSE)), rng()).others
        assert [
            body for other in found for body in ("0.5 * item", "0.02 * item") if body in "\n".join(other.lines)
        ] == [
            "0.5 * item",
            "0.02 * item",
        ]
        # scene() gives the parent an excess of 1/3, the others 1/4 and 1/5; less is better
        assert [other.lead for other in found] == [pytest.approx(1 / 3 - 1 / 4), pytest.approx(1 / 3 - 1 / 5)]


def test_programs_scores_and_failures_of_openevolve() -> None:
    first, second = (read(peers_prompt("openevolve", number), rng()) for number in (0, 1))
    assert [other.lead for other in first.others] == [pytest.approx(0.383, abs=1e-3), pytest.approx(-0.943, abs=1e-3)]
    assert [other.lead for other in second.others] == [
        pytest.approx(0.5022),
        pytest.approx(0.0663),
        pytest.approx(-0.0009),
    ]
    assert "return total * rate - 0.001 + slack" in second.failures
    assert "Improvement in all metrics" not in second.failures


@pytest.mark.parametrize(("number", "leads"), [(0, [0.0, 0.26]), (1, [0.0, 0.26]), (2, [0.0, 0.25, 0.25])])
def test_programs_and_scores_of_shinkaevolve(number: int, leads: list[float]) -> None:
    prompt = peers_prompt("shinka", number)
    assert [other.lead for other in read(prompt, rng()).others] == [pytest.approx(lead, abs=1e-9) for lead in leads]
    assert prompt.wants_diff == (number == 0)
    assert prompt.language == "python"


def test_gepa_shows_the_current_program_alone() -> None:
    prompt = peers_prompt("gepa", 0)
    assert prompt.program[0] == "import numpy as np"
    assert read(prompt, rng()).others == ()


# ── what it makes of it ───────────────────────────────────────────────────────────────────────
PROMPTS = [("openevolve", 0), ("openevolve", 1), ("shinka", 0), ("shinka", 1), ("shinka", 2), ("gepa", 0)]


@pytest.mark.parametrize(("name", "number"), PROMPTS)
def test_an_answer_changes_one_line_inside_the_block_and_is_the_same_again(name: str, number: int) -> None:
    prompt = peers_prompt(name, number)
    for seed in range(20):
        reply = read_and_change(prompt, rng(seed))
        assert reply == read_and_change(prompt, rng(seed))
        after = applied(prompt, reply.text)
        changed = [i for i, (old, new) in enumerate(zip(prompt.program, after, strict=True)) if old != new]
        block = [i for i, line in enumerate(prompt.program) if "EVOLVE-BLOCK" in line]
        assert len(changed) == 1 and block[0] < changed[0] < block[1]
        compile("\n".join(after), "program", "exec")


def applied(prompt: Prompt, answer: str) -> list[str]:
    """Apply an answer as simply as any client could."""
    text = "\n".join(prompt.program)
    if not prompt.wants_diff:
        opening = f"```{prompt.language}\n"
        return answer.partition(opening)[2].rpartition("\n```")[0].split("\n")
    search, _, rest = answer.partition(" SEARCH\n")[2].partition("\n" + "=" * prompt.marker_width + "\n")
    replacement = rest.partition("\n>>>>>")[0]
    assert text.count(search) == 1
    return text.replace(search, replacement).split("\n")


def second_constant(prompt: Prompt, seed: int) -> float | None:
    """Return what an answer makes of the constant in which the programs differ; None if it changes another thing."""
    after = applied(prompt, read_and_change(prompt, rng(seed)).text)
    (new,) = (line for old, line in zip(prompt.program, after, strict=True) if old != line)
    values = NUMBER.findall(new)
    return float(values[1]) if new.strip().startswith("score = -room * (1.0 + ") and values[0] == "1.0" else None


@pytest.mark.parametrize(("other", "toward"), [(BETTER, 1.0), (WORSE, -1.0)])
def test_constants_move_toward_better_programs_and_away_from_worse_ones(
    problem: Problem, other: str, toward: float
) -> None:
    prompt = our_prompt(problem, "diff", (other,))
    if toward < 0:  # the scores of scene() make every other program better: say that this one is worse
        prompt = replace(prompt, text=prompt.text.replace("excess = 0.25", "excess = 0.9"))
    found = [value for seed in range(60) if (value := second_constant(prompt, seed)) not in (None, 0.1)]
    assert len(found) >= 20
    assert sum(value > 0.1 for value in found) >= 0.75 * len(found)


def test_a_line_that_is_shown_as_failed_is_not_written_again(problem: Problem) -> None:
    (line,) = (line.strip() for line in BETTER.split("\n") if "0.5" in line)
    failed = Failure(9, "diff", "worse", "excess = 0.5", f"Line 9 becomes: {line}")
    prompt = our_prompt(problem, "diff", (BETTER,), (failed,))
    assert line in read(prompt, rng()).failures

    def writes(prompt: Prompt) -> int:
        return sum(line in read_and_change(prompt, rng(seed)).text for seed in range(100))

    assert writes(our_prompt(problem, "diff", (BETTER,))) >= 10
    assert writes(prompt) == 0


def test_with_nothing_to_read_it_changes_blindly_like_the_mutator() -> None:
    prompt = peers_prompt("gepa", 0)
    blind = {tuple(applied(prompt, PERSONAS["mutator"](prompt, rng(seed)).text)) for seed in range(200)}
    reading = {tuple(applied(prompt, PERSONAS["reader"](prompt, rng(seed)).text)) for seed in range(200)}
    assert len(blind & reading) >= 5  # the swaps of operators, of which there are few


def test_a_prompt_without_a_program_is_declined() -> None:
    assert "can't help" in PERSONAS["reader"](read_prompt([{"role": "user", "content": "hello"}], 0), rng()).text
