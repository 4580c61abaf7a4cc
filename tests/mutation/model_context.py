"""Contexts for the operators that ask a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import KnownBest, Limits, Problem, Stage
from evolve.domain.program import Program
from evolve.domain.proposal import Lesson, LessonKind
from evolve.interfaces import Change, Context, Exhibit, Failure, LanguageModel
from evolve.mutation.prompt import PromptBuilder
from evolve.paths import bundled

PACKING = '''import math

# EVOLVE-BLOCK-START
def pack(n):
    """Return n circles (x, y, r) in the unit square."""
    side = math.ceil(math.sqrt(n))
    radius = 0.5 / side
    circles = []
    for index in range(n):
        row, column = divmod(index, side)
        x = (2 * column + 1) * radius
        y = (2 * row + 1) * radius
        circles.append((x, y, radius))
    return circles
# EVOLVE-BLOCK-END
'''


def problem(editable: tuple[str, ...] = ("*",), language: str = "python") -> Problem:
    """Return a problem that nothing judges."""
    return Problem(
        name="packing",
        folder=Path("/nowhere"),
        statement="Pack n circles into the unit square so that the sum of their radii is largest. "
        "Write pack(n), which returns a list of n triples (x, y, r). Circles must not overlap or stick out.",
        language=language,
        objectives=(Objective("sum_radii", Direction.MAXIMIZE, 2.64), Objective("seconds", Direction.MINIMIZE)),
        features=(),
        params={"n": 26},
        editable=editable,
        entry="main.py",
        stages=(Stage("quick", 5.0), Stage("full", 60.0)),
        sealed=None,
        limits=Limits(),
        preload=("numpy",),
        known_best=(
            KnownBest("sum_radii", 2.635, "AlphaEvolve 2025", {"n": 26}),
            KnownBest("sum_radii", 2.937, "AlphaEvolve 2025", {"n": 32}),
        ),
    )


def exhibit(files: Mapping[str, str], evaluation: Evaluation | None = None, step: int = 0) -> Exhibit:
    """Return a program with a score of many digits."""
    metrics = {"sum_radii": 2.1666666666666665 + step / 7, "seconds": 0.25, "program_lines": 12.0}
    scored = Scored(step, 0, (), "seed", Outcome.VALID, (metrics["sum_radii"], -0.25))
    return Exhibit(
        Program(step, dict(files), (), {"operator": "seed"}),
        scored,
        evaluation or Evaluation("full", Outcome.VALID, "judge", metrics=metrics),
    )


def context(
    files: Mapping[str, str],
    *,
    model: LanguageModel | None = None,
    evaluation: Evaluation | None = None,
    inspirations: Sequence[Mapping[str, str]] = (),
    editable: tuple[str, ...] = ("*",),
    language: str = "python",
    failures: Sequence[Failure] = (),
    lineage: Sequence[Change] = (),
    lessons: Sequence[Lesson] = (),
    seed: int = 0,
) -> Context:
    """Return a context for step 1."""
    others = [exhibit(other, step=index + 1) for index, other in enumerate(inspirations)]
    return Context(
        step=1,
        problem=problem(editable, language),
        parent=exhibit(files, evaluation),
        inspirations=others,
        rng=np.random.default_rng(seed),
        model=model,
        failures=failures,
        lineage=lineage,
        lessons=lessons,
    )


def history(attempts: int, say: str = "Grow the corner circles first") -> dict[str, Any]:
    """Return what a run of so many attempts on one parent hands to an operator beside programs."""
    causes = ("worse", "search_not_found", "crashed", "invalid")
    details = ("sum_radii = 1.9583412456789013", "block 1, main.py: SEARCH is not in the file.", "IndexError: 26", "")
    failures = [
        Failure(200 - n, "diff", causes[n % 4], details[n % 4], f"{say}, variant {n}.") for n in range(attempts)
    ]
    lineage = [
        Change(n, f"{say}, change {n}.", (2.0 + n / 7, -0.25), (2.0 + (n + 1) / 7, -0.25)) for n in range(attempts)
    ]
    insights = [Lesson(n, LessonKind.INSIGHT, f"{say}; finding {n}.", (), (3, 5), 0.7) for n in range(attempts)]
    advice = Lesson(900, LessonKind.INSTRUCTION, f"{say}, and check the borders before the answer.")
    hint = Lesson(-1, LessonKind.HINT, f"{say}!\nThen the others.")
    return {"failures": failures, "lineage": lineage, "lessons": [advice, *insights, hint] if attempts else []}


def default_prompt(**changes: Any) -> PromptBuilder:
    """Return the prompts of the default configuration; ``sections`` are changed one by one."""
    settings = yaml.safe_load((bundled("conf") / "mutation" / "default.yaml").read_text())["prompt"]
    sections = {**settings["sections"], **changes.pop("sections", {})}
    given = {key: value for key, value in settings.items() if key != "_target_"}
    return PromptBuilder(**{**given, **changes, "sections": sections})
