from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.domain.problem import Problem
from evolve.errors import ProblemError

FACTOR = 3


def helper(x: float) -> float:
    return x


def value(n: int, *, scale: float = 1.5) -> list[float]:
    # EVOLVE-BLOCK-START
    return [scale * n]  # kept as it is
    # EVOLVE-BLOCK-END


def made(score: Callable[..., Any], **more: Any) -> evolve.FunctionProblem:
    return evolve.problem(**{"seed": value, "statement": "Make it large.", **more})(score)


def test_two_functions_become_a_problem_folder(tmp_path: Path) -> None:
    @evolve.problem(seed=value, minimize=["error", "size"], params={"n": 3}, fields={"limits": {"memory_mb": 256}})
    def distance(candidate: Any, params: dict[str, Any]) -> dict[str, float]:
        """Come near 7."""
        import math

        def away(x: float) -> float:
            return math.fabs(x - 7)

        return {"error": sum(away(x) for x in candidate.call("value", params["n"])), "size": 1.0}

    folder = distance.write(tmp_path / "mine")
    problem = Problem.load(folder)
    assert [(o.name, str(o.direction)) for o in problem.objectives] == [("error", "minimize"), ("size", "minimize")]
    assert (problem.name, problem.params, problem.limits.memory_mb) == ("distance", {"n": 3}, 256)
    assert "Come near 7." in problem.statement
    assert "`value(n: int, *, scale: float=1.5) -> list[float]`" in problem.statement
    assert "    return [scale * n]  # kept as it is\n    # EVOLVE-BLOCK-END\n" in problem.seed().files["program.py"]
    assert "@evolve" not in (folder / "scorer.py").read_text()
    assert distance.write(folder) == folder
    assert distance(type("C", (), {"call": lambda self, name, n: [6.0]})(), {"n": 3}) == {"error": 1.0, "size": 1.0}
    (folder / "scorer.py").write_text("")
    with pytest.raises(ProblemError, match="holds something else"):
        distance.write(folder)


def test_its_place_stands_for_its_content(tmp_path: Path) -> None:
    def score(candidate: Any) -> float:
        return float(candidate.call("value", 1))

    first, again, other = made(score), made(score), made(score, timeout_s=5.0)
    assert first.write_below(tmp_path) == again.write_below(tmp_path) != other.write_below(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert made(score, seed="def value(n):\n    return n\n").files["seed/program.py"].startswith("def value")


def test_what_is_taken_from_outside_is_named_with_what_to_do() -> None:
    closed = 2

    def score(candidate: Any, params: dict[str, Any]) -> float:
        x = candidate.call("value", FACTOR * closed)
        return math.sqrt(helper(x)) + unknown + sum(map(partial(pow, 2), [1]))  # type: ignore[name-defined, no-any-return]  # noqa: F821

    with pytest.raises(ProblemError) as caught:
        made(score)
    told = str(caught.value).splitlines()
    assert told[0].startswith("the scorer: score is written to a file of its own")
    assert told[1:] == [
        "  FACTOR: set it inside the function, or pass it as a parameter (params=...)",
        "  closed: set it inside the function, or pass it as a parameter (params=...)",
        "  helper: define it inside the function",
        "  math: write `import math` inside the function",
        "  partial: write `from functools import partial` inside the function",
        "  unknown: it is not known here either",
    ]


def test_a_default_is_taken_from_outside_too() -> None:
    def score(candidate: Any, stage: str = str(FACTOR)) -> float:
        return float(candidate.call("value", stage))

    with pytest.raises(ProblemError, match="FACTOR: set it inside"):
        made(score)


async def a_coroutine(candidate: Any) -> float:
    return 1.0


def typed_at_a_prompt() -> Any:
    names: dict[str, Any] = {}
    exec("def score(candidate):\n    return 1.0\n", names)
    return names["score"]


def silent(candidate: Any) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("score", "more", "said"),
    [
        (lambda candidate: 1.0, {}, "expected a function made with def"),
        (math.sqrt, {}, "expected a function made with def"),
        (a_coroutine, {}, "found AsyncFunctionDef"),
        (typed_at_a_prompt(), {}, "the source of score cannot be read"),
        (helper, {}, r"helper takes 'x'. Known: candidate, params, stage"),
        (silent, {"statement": None}, "Give statement=..., or a docstring"),
        (silent, {"name": "a/b"}, "name: expected up to 80 letters"),
        (silent, {"fields": {"limit": {}}}, "unknown field 'limit'. Did you mean 'limits'"),
        (silent, {"timeout_s": -1}, "a positive number of seconds"),
        (silent, {"seed": lambda n: n}, "the seed: expected a function made with def"),
    ],
)
def test_what_cannot_be_a_problem_is_refused_where_it_is_written(score: Any, more: Any, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        made(score, **more)
