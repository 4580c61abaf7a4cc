"""What a proposal costs beside the model's thinking: tokens of its prompt, and processor time of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from evolve import configuration, problem_library, wiring
from evolve.bench.machinery import Figure
from evolve.bench.personas import mutator, read_prompt
from evolve.domain.blocks import editable_regions, split_lines
from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.domain.proposal import Lesson, LessonKind, Request
from evolve.domain.tokens import estimate_tokens
from evolve.interfaces import Change, Context, Exhibit, Failure, Operator
from evolve.llm.scripted import ScriptedModel

_CAUSES = ("worse", "search_not_found", "crashed", "invalid")
_ASKING = ("diff", "rewrite", "crossover", "simplify", "repair", "shift")


_RULES = (
    "room = bins - item\n    score = -room * (1.0 + 0.1 * item)\n    score[room < 3] += 20.0\n    return score",
    "room = bins - item\n    used = bins < bins.max()\n    fill = 1.0 - room / bins.max()\n"
    "    score = np.where(used, fill**3, 0.2)\n    score[room == 0] = 10.0\n    score[-1] -= 0.01 * item\n"
    "    late = np.arange(len(bins)) / len(bins)\n    return score + 0.05 * late - 0.3 * (room < 0.1 * item)",
    "room = bins - item\n    return np.exp(-room / 7.5) - 0.02 * (room == room.max())",
)
"""Bodies for the block of bin_packing's seed, as runs find them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A problem, and programs for it: the seed with other bodies in its block; the seed itself for none."""

    problem: str
    parent: str = ""
    others: tuple[str, ...] = ("", "")


SETTINGS = (
    Setting("bin_packing", _RULES[0], (_RULES[1], _RULES[2])),
    Setting("bin_packing", _RULES[1], (_RULES[0], _RULES[2])),
    Setting("circle_packing"),
)


def prompts(answers: int = 200) -> list[Figure]:
    """Measure prompts with all default sections, early and late in a run, and the time they take.

    The time is the processor's for building the prompt, reading an honest answer and applying it.
    """
    figures: list[Figure] = []
    for setting in SETTINGS:
        config = configuration.configure([f"problem={setting.problem}", "llm=single", "llm.model=none"])
        problem = problem_library.load_problem(setting.problem)
        operators = wiring.build_operators(config, problem, wiring.build_model(config))
        size = estimate_tokens("".join(_files(problem, setting.parent).values()))
        for name in _ASKING:
            operator = operators.named(name)
            early, late = (_tokens(operator, scene(problem, setting, attempts)) for attempts in (3, 1000))
            what = f"{setting.problem}, program of {size} tokens, {name}"
            figures.append(Figure(f"prompt: {what}, after 3 attempts", early, "tokens"))
            figures.append(Figure(f"prompt: {what}, after 1000 attempts", late, "tokens", _goal(size)))
        cpu_ms = _cpu_ms(operators.named("diff"), scene(problem, setting, 1000), answers)
        figures.append(Figure(f"prompt: {setting.problem}, CPU of a diff", cpu_ms, "ms", "<= 4"))
    return figures


def _goal(program_tokens: int) -> str:
    return "<= 1130" if program_tokens <= 170 else ""


def scene(problem: Problem, setting: Setting, attempts: int) -> Context:
    """Return what an operator would be shown after so many attempts on one parent."""
    others = [_exhibit(problem, _files(problem, name), step + 1) for step, name in enumerate(setting.others)]
    return Context(
        step=attempts,
        problem=problem,
        parent=_exhibit(problem, _files(problem, setting.parent), 0),
        inspirations=[_changed(other, step) for step, other in enumerate(others)],
        rng=np.random.default_rng(attempts),
        failures=[_failure(problem, setting, attempts - number) for number in range(attempts)],
        lineage=[_change(problem, number) for number in range(attempts)],
        lessons=_lessons(attempts),
    )


def _files(problem: Problem, body: str) -> Mapping[str, str]:
    files = problem.seed().files
    if not body:
        return files
    lines = split_lines(files[problem.entry])
    (region,) = editable_regions(files[problem.entry])
    return {problem.entry: "".join([*lines[: region.first], f"    {body}\n", *lines[region.stop :]])}


def _exhibit(problem: Problem, files: Mapping[str, str], step: int) -> Exhibit:
    metrics = {objective.name: 1 / (3 + step) for objective in problem.objectives}
    verdict = Evaluation(
        stage=problem.stages[-1].name,
        outcome=Outcome.VALID,
        judge_hash="",
        metrics={**metrics, **{feature.name: 7 / (3 + step) for feature in problem.features}},
        feedback="The worst instance was the second: 4.2 % above the bound.",
        artifacts={"trace.txt": b"instance 1: 0.031\ninstance 2: 0.042\n"},
        per_instance={"first": 0.031 + step / 7, "second": 0.042},
    )
    scored = Scored(step, 0, (), "diff", Outcome.VALID, problem.vector(metrics))
    return Exhibit(Program(step, files, (), {"summary": "Weigh what is left of each."}), scored, verdict)


def _changed(other: Exhibit, step: int) -> Exhibit:
    """Return a program that differs from every other, as those of an archive do."""
    files = {path: text.replace("0.1", f"0.{step + 2}") for path, text in other.program.files.items()}
    return replace(other, program=replace(other.program, files=files), why=("best", "diverse")[step % 2])


def _failure(problem: Problem, setting: Setting, step: int) -> Failure:
    detail = ("excess = 0.0412345678", "block 1: SEARCH is not in the file.", "IndexError: index 26", "not finite")
    files = _files(problem, setting.parent) if step % 4 == 2 else {}
    return Failure(step, "diff", _CAUSES[step % 4], detail[step % 4], "Prefer the fullest bin, but not always.", files)


def _change(problem: Problem, number: int) -> Change:
    before = tuple(objective.gain(1 / (3 + number)) for objective in problem.objectives)
    after = tuple(objective.gain(1 / (4 + number)) for objective in problem.objectives)
    return Change(number, "Penalise small gaps more than large ones.", before, after)


def _lessons(attempts: int) -> list[Lesson]:
    text = "Rules that treat small and large items alike lose about one percent."
    insights = [Lesson(number, LessonKind.INSIGHT, text, (), (3, 5), 0.7) for number in range(attempts)]
    advice = "Change one thing, and say what you expect of it before you write it."
    return [Lesson(attempts, LessonKind.INSTRUCTION, advice), *insights]


def _tokens(operator: Operator, context: Context) -> int:
    asked: list[Request] = []
    _propose(operator, context, asked.append)
    return sum(estimate_tokens(message.content) for message in asked[0].messages)


def _cpu_ms(operator: Operator, context: Context, answers: int) -> float:
    """Leave out what the model's part of the time is: the same answers, drawn without the operator."""

    def spent(work: Callable[[], object]) -> float:
        began_s = time.process_time()
        for _ in range(answers):
            work()
        return 1000 * (time.process_time() - began_s) / answers

    asked: list[Request] = []
    _propose(operator, context, asked.append)
    return spent(lambda: _propose(operator, context, lambda _: None)) - spent(lambda: _answer(asked[0]))


def _propose(operator: Operator, context: Context, keep: Callable[[Request], None]) -> None:
    def answer(request: Request) -> str:
        keep(request)
        return _answer(request)

    asyncio.run(operator.propose(replace(context, model=ScriptedModel(answer))))


def _answer(request: Request) -> str:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return mutator(read_prompt(messages, 0), np.random.default_rng(0)).text
