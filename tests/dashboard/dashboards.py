"""Dashboards of `evolve ui` in processes of their own, and runs that try to get out of the page."""

from __future__ import annotations

import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.program import Program
from evolve.domain.proposal import (
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Event,
    Finished,
    Message,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
)
from evolve.interfaces import RunInfo, Store
from evolve.store.sql import SqlStore
from tests.live_run import LiveRun, write_problem

_WAIT_S = 60.0
EVIL: Final = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>`${window.hacked=1}`</script>"
"""Text that would run where text is read as markup, as a template, or into a script."""
SCORE, OTHER = "score", "size"
LIVE: Final = "live"


def _png() -> bytes:
    """Return a picture of one dot."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    dot = zlib.compress(b"\0\0\x72\xb2")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", dot) + chunk(b"IEND", b"")


DOT: Final = _png()


@dataclass(frozen=True, slots=True)
class Scene:
    """A dashboard over a store with some runs, one of which runs."""

    url: str
    store: str
    problem: Path
    live: LiveRun


@contextmanager
def running_scene(folder: Path) -> Iterator[Scene]:
    """Show two written runs, and one that runs, for the length of a block."""
    store = f"sqlite:///{folder}/evolve.db"
    write_runs(store)
    problem = write_problem(folder / "problem")
    begin = ["run", f"problem={problem}", f"store.url={store}", f"run={LIVE}", "executor.width=1", "sealed=false"]
    live = LiveRun(folder / "live", [*begin, "params.pause_s=0.2", "budget.wall_s=600", "noise=off", "-q"])
    try:
        with dashboard(folder, "--store", store) as url:
            yield Scene(url, store, problem, live)
    finally:
        live.kill()


@contextmanager
def dashboard(folder: Path, *arguments: str) -> Iterator[str]:
    """Run ``evolve ui`` on a free port for the length of a block; give the address that it printed."""
    said = folder / "ui.log"
    command = [sys.executable, "-c", "from evolve.cli import main; main()", "ui", "--port", "0", *arguments]
    with said.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield _address(said, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(_WAIT_S) == 0, said.read_text()
        assert "Traceback" not in said.read_text(), said.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(_WAIT_S)


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        found = re.search(r"^(http://\S+)\nCtrl", said.read_text(), re.MULTILINE)
        if found:
            return found[1]
        assert process.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError(f"the dashboard does not begin: {said.read_text()}")


def write_runs(url: str) -> None:
    """Write a run whose every text attacks the page, and one with two objectives and models."""
    with closing(SqlStore(url)) as store:
        write_run(store, EVIL, (Objective(EVIL, Direction.MAXIMIZE), Objective(OTHER, Direction.MINIMIZE)), EVIL)
        write_run(store, "tame", (Objective(SCORE, Direction.MAXIMIZE), Objective(OTHER, Direction.MINIMIZE)), "diff")


def write_run(store: Store, run: str, objectives: Sequence[Objective], word: str, **settings: object) -> None:
    """Write a run of 60 attempts whose problem, operator and texts are a word."""
    config: dict[str, object] = {
        "problem": f"/nowhere/{word}",
        "params": {},
        "budget": {"evaluations": 80},
        "executor": {"width": 2},
    }
    config |= settings
    store.create_run(RunInfo(run, word, "running", config, {"version": word}, 1000.0, objectives=tuple(objectives)))
    lease = store.acquire(run, f"elsewhere:{word}", 3600.0)
    records: list[Record] = []
    for step in range(60):
        records += _attempt(step, objectives, word)
    records.append(Event(word, {word: word}))
    best = {objectives[0].name: 99.0, OTHER: 1.0}
    records.append(Event("sealed", {"best_step": 3, "scores": {"best": best, word: best}}))
    store.append(lease, records)
    store.release(lease, 12.0, "paused")


def _attempt(step: int, objectives: Sequence[Objective], word: str) -> list[Record]:
    operator, model = (word, f"m/{word}") if step else ("seed", "")
    records: list[Record] = [Selected(step, Choice(max(step - 1, 0), (), step % 2), operator, step, model)]
    if step and step % 3 == 0:
        return [*records, Finished(step, step, Outcome.REJECTED, word, word)]
    if model:
        key = f"{step:032x}"
        records.append(Prompted(step, key, Request(model, (Message("user", word),), {})))
        records.append(Called(step, key, 0, CallState.SENT, model, word))
        records.append(Completed(step, key, Completion(word, model, "stop", 100, 20, 0.01, 1.0)))
    metrics = {objectives[0].name: float(step), objectives[1].name: float((step * 7) % 13)}
    files = {"program.py": f"# EVOLVE-BLOCK-START\nx = {step}  # {word}\n# EVOLVE-BLOCK-END\n"}
    detail = {"operator": operator, "summary": word}
    verdict = Evaluation(
        "full",
        Outcome.VALID,
        "judge",
        metrics=metrics,
        feedback=word,
        artifacts={"dot.png": DOT, "not.png": EVIL.encode(), word: word.encode()},
        per_instance={word: float(step)},
        seconds=0.1,
    )
    return [
        *records,
        Applied(Program(step, files, (step - 1,) if step else (), detail)),
        Evaluated(step, verdict),
        Finished(step, step, Outcome.VALID, "", "", Placement.NEW, f"i{step % 2}:{step % 4},{step % 3}"),
    ]
