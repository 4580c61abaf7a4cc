"""Judges programs for systems of others, in our sandbox and by our judge, over TCP on loopback.

One line of JSON in, ``{"program": TEXT}``; one line out:
``{"valid": true, "score": 1.2, "metrics": {...}, "feedback": ""}``.
So a peer needs nothing of ours, and is judged exactly as we are. An instrument, not a service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from evolve.bench.curves import Scale
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Executor

_LONGEST_LINE = 2**24


@dataclass(frozen=True, slots=True)
class Judged:
    """A program that was asked for, when, and what it scored; ``gains`` are empty unless VALID."""

    calls: int
    files: Mapping[str, str]
    metrics: Mapping[str, float]
    gains: tuple[float, ...]


class JudgeServer:
    """The server, for use as ``async with JudgeServer(...) as judge: judge.port``.

    Args:
        problem: whose judge, and whose seed is completed by what is asked for.
        executor: where judging happens; started by the caller.
        reference: the gain that the score 2 stands for; the seed's is 1. With two objectives, both count
            as means of the two gains.
        calls: tells how many model calls there were.
    """

    def __init__(self, problem: Problem, executor: Executor, reference: float, calls: Callable[[], int]) -> None:
        self._problem, self._cascade, self._reference, self._calls = (
            problem,
            Cascade(problem, executor),
            reference,
            calls,
        )
        self._scale = Scale(0.0, 1.0)
        self._server: asyncio.Server | None = None
        self.judged: list[Judged] = []

    async def __aenter__(self) -> Self:
        """Judge the seed, then listen."""
        await self._judge(self._problem.seed().files[self._problem.entry])
        seed = self._mean(self.judged[0].gains)
        self._scale = Scale(seed, self._reference if len(self._problem.objectives) == 1 else seed + 1.0)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_LINE)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(str(json.loads(line)["program"]))).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the peer is gone; what it asked for is on record
        finally:
            writer.close()

    async def _answer(self, program: str) -> dict[str, object]:
        evaluation = await self._judge(program)
        if evaluation.outcome is not Outcome.VALID:
            return {
                "valid": False,
                "score": 0.0,
                "metrics": {},
                "feedback": f"{evaluation.outcome}: {evaluation.feedback}",
            }
        score = self._scale.positive(self._mean(self.judged[-1].gains))
        return {"valid": True, "score": score, "metrics": dict(evaluation.metrics), "feedback": evaluation.feedback}

    async def _judge(self, program: str) -> Evaluation:
        calls = self._calls()
        files = {**self._problem.seed().files, self._problem.entry: program}
        evaluation = [each async for each in self._cascade.evaluate(files)][-1]
        valid = evaluation.outcome is Outcome.VALID
        gains = self._problem.vector(evaluation.metrics) if valid else ()
        self.judged.append(Judged(calls, files, evaluation.metrics if valid else {}, gains))
        return evaluation

    def _mean(self, gains: tuple[float, ...]) -> float:
        return sum(gains) / len(gains)
