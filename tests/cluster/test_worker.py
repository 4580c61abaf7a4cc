from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evolve.cluster.edition import Edition, this_edition
from evolve.cluster.parcel import Parcel, Shipment, pack
from evolve.cluster.wire import JobMessage, JobsMessage, NewsMessage, ReadyMessage, decode, encode
from evolve.cluster.worker import Orders, Worker
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict
from tests.cluster.cluster_support import jobs, trivial


class Said:
    """A sandbox that says what the program says: bounds, a verdict, or nothing for long."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    async def start(self) -> None: ...

    async def judge(self, job: Job) -> Verdict:
        assert job.problem is self._problem
        said = job.files["program.py"]
        if said == "sleep":
            await asyncio.sleep(600)
        if said == "fault":
            raise ZeroDivisionError("of ours")
        if said == "bound":
            job.watch({"value": 9.0})
            await asyncio.sleep(600)
        return Verdict(Outcome.VALID, {"value": float(said)})

    def alive(self) -> bool:
        return True

    async def close(self) -> None: ...

    def protects(self) -> Sequence[str]:
        return []

    def does_not_protect(self) -> Sequence[str]:
        return []


def build(settings: Mapping[str, Any], problem: Problem) -> Said:
    assert settings == {"sandbox": "said"}
    return Said(problem)


@pytest.fixture
def problem() -> Problem:
    return trivial()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.cluster.worker.parcel_cache", lambda: tmp_path / "cache")


def orders(problem: Problem, parcel: Parcel) -> Orders:
    return Orders(
        edition=this_edition(),
        shipment=Shipment.of(problem, parcel),
        build_sandbox=build,
        settings={"sandbox": "said"},
        retries=0,
        patience_s=0.0,
        heartbeat_s=0.05,
    )


async def started(problem: Problem, slots: int = 2) -> Worker:
    parcel = pack(problem)
    worker = Worker(orders(problem, parcel), parcel.data, slots)
    assert decode(await worker.ready("node"), ReadyMessage).error == ""
    return worker


def message(problem: Problem, *texts: str, dropped: Sequence[int] = ()) -> bytes:
    job = jobs(problem, 1)[0]
    made = [JobMessage.of(at, replace(job, files={"program.py": text})) for at, text in enumerate(texts, 1)]
    return encode(JobsMessage(made, list(dropped)))


async def news_until(worker: Worker, count: int) -> list[tuple[int, Outcome, str]]:
    """Ask until so many jobs are done."""
    found: list[tuple[int, Outcome, str]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            told = decode(await worker.news(), NewsMessage)
            found += [(done.number, done.outcome, done.feedback) for done in told.done]
    return found


async def test_it_judges_what_it_is_given_and_reports(problem: Problem) -> None:
    worker = await started(problem)
    await worker.give(message(problem, "1", "2", "3"))
    found = await news_until(worker, 3)
    assert sorted((number, outcome) for number, outcome, _ in found) == [(n, Outcome.VALID) for n in (1, 2, 3)]
    await worker.close()


async def test_it_says_that_it_lives_when_there_is_nothing_else_to_say(problem: Problem) -> None:
    worker = await started(problem)
    await worker.give(message(problem, "sleep"))
    assert decode(await worker.news(), NewsMessage) == NewsMessage([], {})
    await worker.close()


async def test_interim_results_are_news(problem: Problem) -> None:
    worker = await started(problem)
    await worker.give(message(problem, "bound"))
    async with asyncio.timeout(30):
        while not (told := decode(await worker.news(), NewsMessage)).interim:
            pass
    assert told.interim == {1: {"value": 9.0}}
    await worker.close()


async def test_a_dropped_job_and_one_that_met_a_fault_are_answered_for(problem: Problem) -> None:
    worker = await started(problem)
    await worker.give(message(problem, "sleep", "fault"))
    await worker.give(message(problem, dropped=[1, 99]))
    found = {number: (outcome, feedback) for number, outcome, feedback in await news_until(worker, 2)}
    assert {outcome for outcome, _ in found.values()} == {Outcome.INFRASTRUCTURE}
    assert "dropped" in found[1][1] and "of ours" in found[2][1]
    await worker.close()


async def test_it_does_not_judge_with_other_code(problem: Problem) -> None:
    parcel = pack(problem)
    told = replace(orders(problem, parcel), edition=Edition(this_edition().version, "other"))
    ready = decode(await Worker(told, parcel.data, 1).ready("node"), ReadyMessage)
    assert "other guest code (evaluators/)" in ready.error and "Install the same version" in ready.error


async def test_a_problem_that_arrives_broken_is_refused_in_words(problem: Problem) -> None:
    parcel = pack(problem)
    ready = decode(await Worker(orders(problem, parcel), b"nonsense", 1).ready("node"), ReadyMessage)
    assert "cannot be unpacked" in ready.error
