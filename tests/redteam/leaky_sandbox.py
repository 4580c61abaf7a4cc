"""A sandbox that is none: the program is run as it is, by an ordinary user of this machine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict

NOBODY = 65534
PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
"""An interpreter that every user may run and that loads this one's numpy."""
CALL = "\nimport json\nprint('ANSWER', json.dumps(answer(20.0)))\n"


class LeakySandbox:
    """Runs a program in a plain process with the host's network, files and environment.

    Only for attacks that do no harm where nothing stops them.

    Args:
        problem: whose entry file is run.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    async def start(self) -> None:
        """See Sandbox.start."""

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        return await asyncio.to_thread(self._judge, job)

    def _judge(self, job: Job) -> Verdict:
        text = job.files[job.problem.entry] + CALL
        done = subprocess.run(
            [PYTHON, "-P", "-s", "-c", text],
            env={**os.environ, "PYTHONPATH": str(Path(np.__file__).parents[1]), "TMPDIR": "/tmp", "HOME": "/tmp"},
            capture_output=True,
            text=True,
            cwd="/tmp",
            timeout=20,
            check=False,
            preexec_fn=_become_ordinary,
        )
        log = done.stderr
        if done.returncode or "ANSWER" not in done.stdout:
            return Verdict(Outcome.CRASHED, feedback=done.stderr[-500:], log=log, seconds=0.1)
        words = done.stdout.rpartition("ANSWER ")[2].strip()
        if words != "42.0":
            return Verdict(Outcome.INVALID, feedback=words, log=log, seconds=0.1)
        return Verdict(Outcome.VALID, metrics={"value": 42.0}, log=log, seconds=0.1)

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return True

    async def close(self) -> None:
        """See Sandbox.close."""

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return []

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return ["Nothing is protected."]


def _become_ordinary() -> None:
    if os.getuid():
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
