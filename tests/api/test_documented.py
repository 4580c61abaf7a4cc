"""What ``evolve`` exports is what ``evolve/README.md`` says, and its examples run."""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.api.history import COLUMNS
from evolve.api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "evolve" / "README.md").read_text("utf-8")
CELLS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
_TIMEOUT_S = 120


def test_the_page_lists_what_is_exported_and_nothing_else() -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"^\| `(\w+)", "\n".join(rows), re.MULTILINE)) == sorted(evolve.__all__)
    assert {name: getattr(evolve, name) for name in evolve.__all__}.keys() <= set(dir(evolve))


@pytest.mark.parametrize("name", ["resume", "problem"])
def test_the_page_names_every_parameter(name: str) -> None:
    (row,) = (row for row in PAGE.splitlines() if row.startswith(f"| `{name}("))
    assert list(inspect.signature(getattr(evolve, name)).parameters) == re.findall(r"\w+", row.split("`")[1])[1:]


def test_the_page_names_every_field_setting_and_column() -> None:
    for kind in ("Progress", "ScoredProgram", "Result"):
        (row,) = (row for row in PAGE.splitlines() if row.startswith(f"| `{kind}`"))
        public = {name for name in getattr(evolve, kind).__dataclass_fields__ if not name.startswith("_")}
        assert public <= set(re.findall(r"\w+", row)), kind
    assert [name for name in (*Settings.__annotations__, *COLUMNS) if not re.search(rf"\b{name}\b", PAGE)] == []


def test_what_is_not_exported_is_named_in_the_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(evolve, "no_such_name")  # noqa: B009 - a type checker knows that it is not there


def test_importing_it_loads_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import evolve; dir(evolve)\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - set(sys.stdlib_module_names) - {'evolve'}))"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_its_examples_run_as_a_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("".join(CELLS), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EVOLVE_SANDBOX": "process"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "16"
    assert len(list((tmp_path / "runs" / "problems").iterdir())) == 1


def test_its_examples_run_as_cells_inside_a_running_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = [*CELLS[:-1], CELLS[-1].partition("if __name__")[0], "print(len(await two_at_once()))"]
    names: dict[str, Any] = {"__name__": "__main__"}

    async def kernel() -> None:
        for number, cell in enumerate(cells):
            file = f"<cell {number} of {tmp_path.name}>"
            linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
            answer = eval(compile(cell, file, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
            if inspect.isawaitable(answer):
                await answer

    asyncio.run(kernel())
    assert capsys.readouterr().out.splitlines()[-1] == "2"
    assert names["result"].history["best"][-1] == names["result"].best.scores["total"]
