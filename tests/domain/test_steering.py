from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.domain.problem import Problem
from evolve.domain.steering import (
    Hint,
    Inject,
    Order,
    Pause,
    Pin,
    RemoveHint,
    Stop,
    Unpin,
    Veto,
    Weigh,
    misfit,
    order_data,
    parse_order,
    weight_vector,
)
from evolve.errors import ConfigurationError

SEED = "import os\n# EVOLVE-BLOCK-START\nx = 1\n# EVOLVE-BLOCK-END\n"
ORDERS: list[Order] = [
    Inject({"a/b.py": "x"}, "mine"), Hint("h"), Hint("h", 3), RemoveHint(), RemoveHint(4), Pin(1), Unpin(1), Veto(0),
    Veto(1, descendants=True), Weigh({"a": 1, "b": 0.5}), Weigh(None), Pause(), Stop(),
]  # fmt: skip


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    for name, text in (("main.py", SEED), ("lib/fixed.py", "y = 2\n")):
        (tmp_path / "seed" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "seed" / name).write_text(text)
    (tmp_path / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    objectives = "[{name: speed, direction: maximize}, {name: error, direction: minimize}]"
    (tmp_path / "problem.yaml").write_text(
        f"statement: s\nobjectives: {objectives}\neditable: [main.py, extra/*]\nentry: main.py\n"
    )
    return Problem.load(tmp_path)


@pytest.mark.parametrize("order", ORDERS, ids=repr)
def test_an_order_survives_json(order: Order) -> None:
    assert parse_order(json.loads(json.dumps(order_data(order)))) == order


@pytest.mark.parametrize(
    "make",
    [
        lambda: Inject({}),
        lambda: Inject({"a.py": 3}),  # type: ignore[dict-item]
        lambda: Hint("  "),
        lambda: Hint("h" * 5000),
        lambda: Hint("h", 0),
        lambda: Pin(-1),
        lambda: Pin(True),
        lambda: Veto("1"),  # type: ignore[arg-type]
        lambda: Weigh({}),
        lambda: Weigh({"a": -1.0}),
        lambda: Weigh({"a": 0.0}),
        lambda: Weigh({"a": float("nan")}),
        lambda: parse_order({"kind": "dance"}),
        lambda: parse_order({"kind": "pin"}),
        lambda: parse_order({"kind": "pin", "step": 1, "stepp": 2}),
        lambda: parse_order("pin"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], Order]) -> None:
    with pytest.raises(ConfigurationError):
        make()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\0"])
def test_a_path_outside_the_programs_folder_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="below the program's folder"):
        Inject({path: "x"})


def test_a_program_must_fit_its_problem(problem: Problem) -> None:
    seed = dict(problem.seed().files)
    changed = SEED.replace("x = 1", "x = 5")
    assert misfit(problem, {**seed, "main.py": changed}) == ""
    assert misfit(problem, {**seed, "extra/more.py": "z"}) == ""
    assert "lacks the file 'lib/fixed.py'" in misfit(problem, {"main.py": changed})
    assert "not editable" in misfit(problem, {**seed, "lib/fixed.py": "y = 3\n"})
    assert "no file of the seed" in misfit(problem, {**seed, "other.py": ""})
    assert "outside the blocks" in misfit(problem, {**seed, "main.py": SEED.replace("import os", "import sys")})
    assert "never closed" in misfit(problem, {**seed, "main.py": SEED.replace("EVOLVE-BLOCK-END", "")})


def test_weights_are_in_the_order_of_the_objectives(problem: Problem) -> None:
    assert weight_vector(problem, {"error": 2}) == (0.0, 2.0)
    assert weight_vector(problem, None) is None
    with pytest.raises(ConfigurationError, match="'speed'"):
        weight_vector(problem, {"sped": 1.0})
