"""A cell of a race that a peer runs: its own search and prompts, our model server, our judge and sandbox.

A peer's proposal is one model call. What it has judged after its last allowed call does not count.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from evolve import configuration, problem_library, wiring
from evolve.bench.curves import Point, rising_area
from evolve.bench.judge_server import Judged, JudgeServer
from evolve.bench.model_server import ModelServer
from evolve.bench.processes import die_with_parent, this_machine, tree_cpu_s
from evolve.bench.search_race import Cell, CellResult, TrueScores, check, corner, located, on_scale, reference_gain
from evolve.domain.problem import Problem
from evolve.errors import EvolveError

ADAPTERS = Path(__file__).resolve().parent / "peers"
PEERS: Mapping[str, str] = MappingProxyType(
    {"openevolve": "openevolve_search.py", "shinka": "shinka_search.py", "gepa": "gepa_search.py"}
)
"""Peer -> its adapter, a script for the peer's own Python."""
_SECONDS_PER_PROPOSAL = 10.0
_TAIL_CHARS = 2000


def run_peer(cell: Cell, python: Path) -> CellResult:
    """Run a peer. Raises EvolveError with the end of what it printed when it fails or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(cell, python, Path(folder)))


async def _run(cell: Cell, python: Path, folder: Path) -> CellResult:
    began_s, cpu_s = time.perf_counter(), tree_cpu_s(os.getpid())
    config = configuration.configure([f"problem={located(cell.problem)}", "sandbox=process", "executor.width=1"])
    problem = problem_library.load_problem(config["problem"])
    check(problem)
    executor = wiring.build_executor(config, problem)
    await executor.start()
    try:
        async with ModelServer(cell.mutator, seed=cell.seed) as server:
            judge = JudgeServer(problem, executor, reference_gain(problem), lambda: len(server.log))
            async with judge:
                await _work(cell, python, folder, _task(cell, problem, server.url, judge.port, folder))
        spent_s = tree_cpu_s(os.getpid()) - cpu_s
        points = await _points(problem, judge.judged, TrueScores(problem, executor))
    finally:
        await executor.close()
    curve, scale = on_scale(points, cell.proposals, reference_gain(problem))
    return CellResult(
        cell=cell,
        curve=tuple(curve.points),
        final=curve.final(),
        area=curve.area(),
        seed_gain=scale.seed,
        reference_gain=scale.reference,
        cpu_s=spent_s,
        wall_s=time.perf_counter() - began_s,
        evaluations=len(judge.judged),
        valid=sum(bool(judged.gains) for judged in judge.judged),
        model_calls=len(server.log),
        prompt_tokens=sum(entry.prompt_tokens for entry in server.log),
        judge_hash=problem.judge_hash(),
        machine=this_machine(),
    )


def _task(cell: Cell, problem: Problem, url: str, port: int, folder: Path) -> dict[str, object]:
    """Return what an adapter is told."""
    return {
        "model_url": url,
        "model": cell.mutator,
        "judge_port": port,
        "program": problem.seed().files[problem.entry],
        "statement": problem.statement,
        "folder": str(folder),
        "proposals": cell.proposals,
        "seed": cell.seed,
    }


async def _work(cell: Cell, python: Path, folder: Path, task: Mapping[str, object]) -> None:
    (folder / "task.json").write_text(json.dumps(task))
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    with (folder / "printed").open("wb") as printed:
        peer = await asyncio.create_subprocess_exec(
            str(python), str(ADAPTERS / PEERS[cell.search]), str(folder / "task.json"),
            stdin=asyncio.subprocess.DEVNULL, stdout=printed, stderr=printed, cwd=folder,
            env={**environment, "OPENAI_API_KEY": "none", "PYTHONDONTWRITEBYTECODE": "1"}, start_new_session=True,
            preexec_fn=die_with_parent,
        )  # fmt: skip
        try:
            code = await asyncio.wait_for(peer.wait(), 60 + _SECONDS_PER_PROPOSAL * cell.proposals)
        except TimeoutError:
            code = None
        finally:
            _end(peer.pid)
            await peer.wait()
    if code != 0:
        tail = (folder / "printed").read_text(errors="replace")[-_TAIL_CHARS:]
        how = "took too long" if code is None else f"ended with exit code {code}"
        raise EvolveError(f"{cell.search} {how}. It printed:\n{tail}")


def _end(group: int) -> None:
    """End what the peer left behind."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


async def _points(problem: Problem, judged: Sequence[Judged], truth: TrueScores) -> list[Point]:
    valid = [each for each in judged if each.gains]
    if len(problem.objectives) == 2:
        return rising_area([(each.calls, each.gains) for each in valid], corner(problem))[1:]
    points: list[Point] = []
    best = float("-inf")
    for each in valid:
        if each.gains[0] > best:
            best = each.gains[0]
            points.append((each.calls, await truth.gain(each.files, each.metrics)))
    return points
