"""One block of a program may change, and which one that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.domain.blocks import editable_regions, only_blocks_changed, split_lines
from evolve.domain.problem import Problem
from evolve.domain.single_block import one_block
from evolve.errors import ProblemError

TWO = """# EVOLVE-BLOCK-START
def a():
    return 1
# EVOLVE-BLOCK-END
import math
# EVOLVE-BLOCK-START
def b():
    return 2
# EVOLVE-BLOCK-END
"""
FUNCTIONS = """import math
LIMIT = 3
def small():
    return 1

@cache
def large(x):
    y = x + 1
    return y
"""


def open_lines(text: str) -> str:
    lines = split_lines(text)
    return "".join("".join(lines[region.first : region.stop]) for region in editable_regions(text))


def test_the_first_of_several_blocks_stays_open() -> None:
    path, text = one_block({"main.py": TWO}, ["main.py"])
    assert path == "main.py" and open_lines(text) == "def a():\n    return 1\n"
    assert [line for line in split_lines(text) if "EVOLVE" not in line] == [
        line for line in split_lines(TWO) if "EVOLVE" not in line
    ]
    assert only_blocks_changed(text, text.replace("return 2", "return 3"))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("marked", [False, True])
def test_of_a_single_block_it_is_the_largest_function(marked: bool, ending: str) -> None:
    before = f"# EVOLVE-BLOCK-START\n{FUNCTIONS}# EVOLVE-BLOCK-END\n" if marked else FUNCTIONS.rstrip("\n")
    _, text = one_block({"main.py": before.replace("\n", ending)}, ["main.py"])
    assert open_lines(text) == "@cache\ndef large(x):\n    y = x + 1\n    return y\n".replace("\n", ending)
    assert "LIMIT = 3" in text and text.count("EVOLVE-BLOCK") == 2


def test_of_several_files_the_first_stays_open_as_it_is() -> None:
    assert one_block({"a.py": "x = 1\n", "b.py": "y = 1\n"}, ["b.py", "a.py"]) == ("b.py", "y = 1\n")


@pytest.mark.parametrize(
    ("path", "text"), [("main.py", "def a():\n    return 1\n"), ("main.cpp", "int a; int b;\n"), ("main.py", "def (\n")]
)
def test_a_program_with_nothing_to_leave_out_is_refused(path: str, text: str) -> None:
    with pytest.raises(ProblemError, match="one block with nothing in it to leave out"):
        one_block({path: text}, [path])


def test_a_problem_with_one_block_has_a_seed_and_files_to_match(tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "a[1].py").write_text(TWO)
    (tmp_path / "seed" / "other.py").write_text("x = 1\n")
    (tmp_path / "evaluate.py").write_text("def evaluate(candidate, stage, params):\n    return None\n")
    fields = "statement: s\nobjectives: [{name: v, direction: maximize}]\nentry: 'a[1].py'\n"
    (tmp_path / "problem.yaml").write_text(fields)
    whole = Problem.load(tmp_path)
    one = whole.with_one_block()
    assert (whole.is_editable("other.py"), one.is_editable("other.py"), one.is_editable("a[1].py")) == (
        True,
        False,
        True,
    )
    assert open_lines(one.seed().files["a[1].py"]) == "def a():\n    return 1\n"
    assert whole.seed().files["a[1].py"] == TWO and one.seed().files["other.py"] == "x = 1\n"
    assert one.judge_hash() == whole.judge_hash()
