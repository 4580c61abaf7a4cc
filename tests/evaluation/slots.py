"""A problem whose judge asks one question, and a sandbox to ask it in."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from evolve.domain.problem import Problem, Stage
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.evaluation.slot import SlotSandbox
from evolve.interfaces import Bar, Job, Verdict, Watch, watch_nothing

EVALUATE = """
import json
import secret
from evaluators import Score, invalid

def evaluate(candidate, stage, params):
    if stage == "interim":
        with candidate.session() as session:
            candidate.at_best(value=50.0)
            answer = session.call("answer", 20.0)
            candidate.at_best(value=min(answer, 50.0))
            return Score(metrics={"value": session.call("answer", 20.0)})
    if stage == "session":
        with candidate.session() as session:
            answers = [session.call("answer", float(i)) for i in range(3)]
        return Score(metrics={"value": answers[-1]}, feedback=json.dumps(answers))
    if stage == "observe":
        return Score(metrics={"value": 1.0}, feedback=json.dumps(candidate.call("answer", 0.0)))
    if stage == "map":
        with candidate.session() as session:
            answers = session.map("answer", [[float(i)] for i in range(5)])
        return Score(metrics={"value": sum(answers)})
    answer = candidate.call("answer", 20.0)
    return Score(metrics={"value": answer})
"""
YAML = """
statement: Double a number.
objectives: [{name: value, direction: maximize}]
limits: {memory_mb: 256, processes: 8, output_mb: 2, scratch_mb: 4}
stages: [{name: full, timeout_s: 5}]
"""
HONEST = "def answer(x):\n    return 2 * x + 2\n"
HONEST_VALUE = 42.0

# Attacks are run only where they cannot hurt: first line of each.
GUARD = """
import ctypes, os, sys, time
rights = (ctypes.c_uint * 6)()
if ctypes.CDLL(None).capget((ctypes.c_uint * 2)(0x20080522, 0), rights) or any(rights) or os.getuid() == 0:
    raise SystemExit("this program must only run in a sandbox")
"""


def write_problem(folder: Path, evaluate: str = EVALUATE) -> Path:
    """Write the problem, readable for all users."""
    (folder / "seed").mkdir(parents=True)
    (folder / "seed" / "program.py").write_text(HONEST)
    (folder / "problem.yaml").write_text(YAML)
    (folder / "evaluate.py").write_text(evaluate)
    (folder / "secret.py").write_text("ANSWERS = 'held-out data'\n")
    return folder


@dataclass(frozen=True)
class Variant:
    """A way to build a sandbox: ``namespaces``, ``fallback`` (processes without them) or ``docker``."""

    name: str
    python: str = sys.executable
    base_image: str = ""

    @property
    def walled(self) -> bool:
        """Whether programs see files and processes of their own only."""
        return self.name != "fallback"

    @property
    def processes(self) -> int:
        """How many processes of this machine an idle sandbox has: a judge; a supervisor and what watches over both."""
        return 1 if self.name == "docker" else 3

    def usable(self) -> bool:
        """Whether the interpreter is there."""
        return self.python == sys.executable or Path(self.python).exists()

    def make(self, problem: Problem) -> SlotSandbox:
        """Return a sandbox that is not started."""
        if self.name == "docker":
            return DockerSandbox(problem, base_image=self.base_image)
        return ProcessSandbox(problem, namespaces=self.walled, python=self.python)


NAMESPACES = Variant("namespaces")
# Without a private file system, candidates need an interpreter that every user may read.
FALLBACK = Variant("fallback", f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
VARIANTS = [NAMESPACES, FALLBACK, Variant("docker")]


class Bench:
    """A started sandbox with an event loop of its own."""

    def __init__(self, folder: Path, variant: Variant) -> None:
        self.problem = Problem.load(folder)
        self.variant = variant
        self.sandbox = variant.make(self.problem)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Bench:
        self._runner.run(self.sandbox.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.sandbox.close())
        self._runner.close()

    def judge(
        self,
        program: str | Mapping[str, str],
        stage: str = "full",
        timeout_s: float = 5.0,
        bar: Bar | None = None,
        watch: Watch = watch_nothing,
    ) -> Verdict:
        """Judge a program; text stands for the entry file."""
        files = {"program.py": program} if isinstance(program, str) else program
        job = Job(self.problem, Stage(stage, timeout_s), files, bar, watch)
        return self._runner.run(self.sandbox.judge(job))

    def attack(
        self,
        program: str,
        stage: str = "full",
        timeout_s: float = 5.0,
        bar: Bar | None = None,
        watch: Watch = watch_nothing,
    ) -> Verdict:
        """Judge a program that must not run anywhere else."""
        return self.judge(GUARD + program, stage, timeout_s, bar, watch)


def job(problem: Problem, program: str = HONEST, stage: str = "full", timeout_s: float = 5.0) -> Job:
    """Return a job for a one-file program."""
    return Job(problem, replace(problem.stages[0], name=stage, timeout_s=timeout_s), {"program.py": program})


def descendants(ancestor: int) -> set[int]:
    """Return all living processes below a process."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] not in "ZX":
                parents[int(entry.name)] = int(fields[1])
    found = {ancestor}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found - {ancestor}


def slot_processes() -> set[int]:
    """Return the processes of the slots that this process started, without others that it has, such as a cluster's."""
    below = {pid: descendants(pid) for pid in descendants(os.getpid()) if b"/evaluators/" in command_of(pid)}
    return set(below).union(*below.values())


def command_of(pid: int) -> bytes:
    """Return a process's command line, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
