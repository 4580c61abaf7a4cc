"""Scripted agents: shell programs that work in a checkout; and a desk that notes what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from evolve.agents.workshop import GUEST, SandboxWorkshop
from evolve.domain.problem import Limits, Problem
from evolve.domain.proposal import Message
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Allowance, Commission, Sandbox, Session
from tests.engine import Engine

FILES = {"program.py": "value = 1\n", "lib/part.py": "other = 2\n"}
KINDS = ["process", "docker"]


@dataclass
class NotingDesk:
    """Grants everything; notes what it was asked, and how much of that at once."""

    delay_s: float = 0.0
    evaluated: list[Mapping[str, str]] = field(default_factory=list)
    asked: list[Sequence[Message]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def evaluate(self, files: Mapping[str, str]) -> Mapping[str, object]:
        self.evaluated.append(files)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay_s)
        self.at_once -= 1
        left = self.left()
        return {"outcome": "valid", "metrics": {"value": 2.5}, "feedback": "well done", "left": left}

    async def ask(self, messages: Sequence[Message]) -> Mapping[str, object]:
        self.asked.append(messages)
        text = f"you said {messages[-1].content.strip()}"
        return {"text": text, "finish_reason": "stop", "prompt_tokens": 3, "completion_tokens": 4}

    def left(self) -> Mapping[str, object]:
        return {"evaluations": 7}


def maker(kind: str, request: pytest.FixtureRequest, sockets: bool) -> Callable[[Limits], Sandbox]:
    """Return what makes sandboxes of a kind; those of docker need an engine."""
    guest = Problem.load(GUEST)
    if kind == "process":
        return lambda limits: ProcessSandbox(replace(guest, limits=limits), pin=False, sockets=sockets)
    engine: Engine = request.getfixturevalue("engine")
    return lambda limits: DockerSandbox(
        replace(guest, limits=limits), base_image=engine.base_image, pin=False, sockets=sockets
    )


@dataclass
class Studio:
    """A workshop for scripts."""

    make_sandbox: Callable[[Limits], Sandbox]
    model_address: bool = False

    async def run(
        self, script: str, desk: NotingDesk | None = None, *, wall_s: float = 20.0, files: Mapping[str, str] = FILES
    ) -> Session:
        workshop = SandboxWorkshop(
            self.make_sandbox, memory_mb=512, processes=48, scratch_mb=64, model_address=self.model_address
        )
        commission = Commission(
            command=("sh", "-c", script),
            task="Make it larger.",
            files=files,
            allowance=Allowance(evaluations=5, wall_s=wall_s, calls=5),
        )
        return await workshop.work(commission, desk or NotingDesk())
