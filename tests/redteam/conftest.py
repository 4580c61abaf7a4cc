from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.domain.problem import Problem

YAML = """
statement: Double a number.
objectives: [{name: value, direction: maximize}]
limits: {memory_mb: 256, processes: 8, output_mb: 2, scratch_mb: 4}
stages: [{name: full, timeout_s: 5}]
"""
SEED = "def answer(x):\n    return 2.0 * x + 2.0\n"
STRICT = """
from evaluators import Score, invalid

def evaluate(candidate, stage, params):
    answer = candidate.call("answer", 20.0)
    if answer != 42.0:
        return invalid("wrong")
    return Score(metrics={"value": 42.0})
"""
Make = Callable[..., Problem]


@pytest.fixture
def make_problem(tmp_path: Path) -> Make:
    """Return a function that writes a problem around a judge's text and loads it."""

    def make(evaluate: str = STRICT, exploits: dict[str, str] | None = None, yaml: str = YAML) -> Problem:
        folder = tmp_path / "problem"
        for name, text in {"seed/program.py": SEED, "problem.yaml": yaml, "evaluate.py": evaluate}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for name, text in (exploits or {}).items():
            (folder / "exploits").mkdir(exist_ok=True)
            (folder / "exploits" / name).write_text(text)
        return Problem.load(folder)

    return make
