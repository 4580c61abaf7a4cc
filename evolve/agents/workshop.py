"""Sessions of coding agents, each in a sandbox of its own.

::

    controller ── broker ── judge's process ──┊── host.py ── the agent, its tools
     (budget)     (socket)   (evaluate.py)    ┊    in the sandbox, nothing of it is believed

The sandbox is of the kind that programs are judged in, and what runs in the judge's place is
``guest/evaluate.py``. So an agent has the walls of a program: no network, no files of this machine, no
judge, no other run; and what it starts is dead when its session ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from evolve.agents.broker import serving
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Limits, Problem, Stage
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Commission, Desk, Job, Sandbox, Session, SessionEnd

GUEST: Final = Path(__file__).parent / "guest"
_AROUND_S: Final = 90.0
"""Seconds of the sandbox beyond the session's own: to start the agent, and to read its checkout."""


class SandboxWorkshop:
    """Runs each session in a fresh sandbox; implements Workshop.

    Args:
        make_sandbox: makes a sandbox for the guest, not started.
        limits: of each session.
        model_address: whether agents are given an address on their own loopback that answers as the run's
            model; needs a sandbox that lets them use it.
        environment: variables that agents are given; everything of it is theirs to read.
    """

    def __init__(
        self,
        make_sandbox: Callable[[Problem], Sandbox],
        *,
        limits: Limits,
        model_address: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._make_sandbox = make_sandbox
        self._limits = limits
        self._model_address = model_address
        self._environment = dict(environment or {})

    async def work(self, commission: Commission, desk: Desk) -> Session:
        """See Workshop.work."""
        async with serving(desk) as broker:
            guest = self._guest(commission, str(broker))
            sandbox = self._make_sandbox(guest)
            try:
                await sandbox.start()
                verdict = await sandbox.judge(Job(guest, guest.stages[0], guest.seed().files))
            finally:
                await sandbox.close()
        if verdict.outcome is not Outcome.VALID:
            raise SandboxUnavailable(f"The session gave no account: {verdict.outcome}. {verdict.feedback}")
        return _session(json.loads(verdict.artifacts["session"]))

    def _guest(self, commission: Commission, broker: str) -> Problem:
        wall_s = commission.allowance.wall_s
        setup = {
            "command": list(commission.command),
            "task": commission.task,
            "files": dict(commission.files),
            "environment": self._environment,
            "model_address": self._model_address,
        }
        return replace(
            Problem.load(GUEST),
            params={"broker": broker, "wall_s": wall_s, "setup": setup},
            stages=(Stage("session", wall_s + _AROUND_S),),
            limits=self._limits,
        )


def _session(account: Mapping[str, Any]) -> Session:
    return Session(
        end=SessionEnd(account["ended"]),
        exit_code=account["exit_code"],
        files=account["files"],
        others=tuple(account["others"]),
        output=account["output"],
        why=account["why"],
        seconds=account["seconds"],
    )
