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
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from evolve.agents.broker import serving
from evolve.arguments import at_least
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Limits, Problem, Stage
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.interfaces import Commission, Desk, Job, Sandbox, Session, SessionEnd

GUEST: Final = Path(__file__).parent / "guest"
_LEAST_MB: Final = 16
_LEAST_PROCESSES: Final = 8
"""An agent, its shell and its tools; the host has a thread or two as well."""
_AROUND_S: Final = 90.0
"""Seconds of the sandbox beyond the session's own: to start the agent, and to read its checkout."""


class SandboxWorkshop:
    """Runs each session in a fresh sandbox; implements Workshop.

    Args:
        make_sandbox: makes a sandbox with these limits, not started; it lets programs use what ``model_address``
            and ``network`` ask for.
        memory_mb, processes, scratch_mb: of each session.
        model_address: whether agents are given an address on their own loopback that answers as the run's model.
        network: a network of the container engine that agents may use; None for none.
        environment: names of this process's variables that agents are given; an agent can read and tell them.

    Raises:
        ConfigurationError: a limit is too small, or variables are to be given away where there is no network.
    """

    def __init__(
        self,
        make_sandbox: Callable[[Limits], Sandbox],
        *,
        memory_mb: int,
        processes: int,
        scratch_mb: int,
        model_address: bool = False,
        network: str | None = None,
        environment: Sequence[str] = (),
    ) -> None:
        at_least(_LEAST_MB, "mutation.workshop", memory_mb=memory_mb, scratch_mb=scratch_mb)
        at_least(_LEAST_PROCESSES, "mutation.workshop", processes=processes)
        if environment and network is None:
            raise ConfigurationError(
                f"mutation.workshop.environment={list(environment)}: an agent without a network has no use for keys. "
                "Leave it empty, or choose a network as well."
            )
        self._make_sandbox = make_sandbox
        self._limits = Limits(memory_mb=memory_mb, processes=processes, scratch_mb=scratch_mb)
        self._model_address = model_address
        self._environment = _given(environment)

    async def work(self, commission: Commission, desk: Desk) -> Session:
        """See Workshop.work."""
        async with serving(desk) as broker:
            guest = self._guest(commission, str(broker))
            sandbox = self._make_sandbox(self._limits)
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


def _given(names: Sequence[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ConfigurationError(f"mutation.workshop.environment: the variable {missing[0]} is not set here.")
    return {name: os.environ[name] for name in names}
