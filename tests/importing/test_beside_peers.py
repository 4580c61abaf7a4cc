"""Tasks score the same as with the systems they were written for, where those are installed somewhere.

EVOLVE_OPENEVOLVE and EVOLVE_SHINKA name the Python of an environment with the package, e.g. /path/bin/python.
EVOLVE_PEER_TASKS=/folder:/folder adds folders of your own, e.g. the peers' published examples.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.importing.kinds import recognise
from evolve.importing.writing import write_problem
from evolve.interfaces import Job, Verdict

TASKS = Path(__file__).parent / "tasks"
PATIENCE_S = 120
OBJECTIVES = {"cascade": {"combined_score": Direction.MAXIMIZE}}
OPENEVOLVE = """
import asyncio, json, sys
from openevolve.config import load_config
from openevolve.evaluator import Evaluator

folder, program = sys.argv[1:]
config = load_config(folder + "/config.yaml").evaluator
evaluator = Evaluator(config, folder + "/evaluator.py")
metrics = asyncio.run(evaluator.evaluate_program(open(program).read(), "seed"))
print("METRICS", json.dumps({name: float(value) for name, value in metrics.items() if isinstance(value, (int, float))}))
"""


def folders(own: tuple[str, ...], file: str) -> list[Path]:
    given = [Path(name) for name in os.environ.get("EVOLVE_PEER_TASKS", "").split(os.pathsep) if name]
    return [*(TASKS / name for name in own), *(folder for folder in given if (folder / file).is_file())]


def python(variable: str) -> str:
    if variable not in os.environ:
        pytest.skip(f"{variable} names no Python of an environment with the package")
    return os.environ[variable]


def ours(folder: Path, out: Path) -> Verdict:
    """Return what the folder scores here, imported."""
    problem = write_problem(recognise(folder), out, OBJECTIVES.get(folder.name, {}))

    async def judged() -> Verdict:
        sandbox = ProcessSandbox(problem)
        await sandbox.start()
        try:
            return await sandbox.judge(Job(problem, problem.stages[-1], problem.seed().files))
        finally:
            await sandbox.close()

    return asyncio.run(judged())


def assert_same(verdict: Verdict, theirs: Mapping[str, Any]) -> None:
    assert verdict.outcome is Outcome.VALID, verdict
    timed = {"execution_time_mean", "execution_time_std"}
    shared = {name: value for name, value in theirs.items() if name in verdict.metrics and name not in timed}
    assert "combined_score" in shared
    assert shared == {name: verdict.metrics[name] for name in shared}


@pytest.mark.parametrize("folder", folders(("plain", "cascade"), "evaluator.py"), ids=lambda folder: folder.name)
def test_an_openevolve_task_scores_as_openevolve_scores_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ask.py").write_text(OPENEVOLVE)
    program = next(folder.glob("initial_program.*"))
    command = [python("EVOLVE_OPENEVOLVE"), str(tmp_path / "ask.py"), str(folder), str(program)]
    keys = dict.fromkeys(re.findall(r"\$\{(\w+)\}", (folder / "config.yaml").read_text("utf-8")), "unused")
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env={**os.environ, **keys}
    )
    said = [line for line in ended.stdout.splitlines() if line.startswith("METRICS ")]
    assert said, ended.stderr[-2000:]
    assert_same(ours(folder, tmp_path / "imported"), json.loads(said[-1].removeprefix("METRICS ")))


@pytest.mark.parametrize("folder", folders(("shinka",), "evaluate.py"), ids=lambda folder: folder.name)
def test_a_shinka_task_scores_as_shinka_scores_it(folder: Path, tmp_path: Path) -> None:
    program = next(folder.glob("initial.*"))
    command = [python("EVOLVE_SHINKA"), "evaluate.py", "--program_path", str(program), "--results_dir", str(tmp_path)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (tmp_path / "metrics.json").is_file(), ended.stderr[-2000:]
    theirs = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert json.loads((tmp_path / "correct.json").read_text("utf-8"))["correct"]
    assert_same(ours(folder, tmp_path / "imported"), theirs)
