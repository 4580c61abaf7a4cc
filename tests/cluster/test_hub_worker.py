from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner

from evolve.cli.working import worker as worker_command
from evolve.cluster import hub_worker as worker_module
from evolve.cluster.credentials import Token, client_context
from evolve.cluster.edition import Edition, this_edition
from evolve.cluster.hub import HubExecutor
from evolve.cluster.hub_client import HubAway, HubClient
from evolve.cluster.hub_messages import Amounts, Code, Refused
from evolve.cluster.warm_judges import MakeExecutor
from evolve.controller.local_executor import LocalExecutor
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.resources import Resources
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled
from tests.cli.cli_support import ROOT
from tests.cluster.hub_support import (
    SECRET,
    StandInSandbox,
    certificate,
    client,
    hub,
    make_worker,
    stand_in_score,
    stand_ins,
    working,
)

PATIENCE_S = 60.0
Result = TypeVar("Result")
LONG_S = 600.0


@pytest.fixture
def problem() -> Problem:
    return Problem.load(bundled("problems") / "circle_packing")


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[HubExecutor]:
    executor = hub(tmp_path, width=4, lease_s=4.0)
    await executor.start()
    yield executor
    await executor.close()


def job(problem: Problem, note: str = "") -> Job:
    return Job(problem, problem.stages[0], {**problem.seed().files, "note.txt": note})


class Watched:
    """Makes executors whose stand-ins take as long as told, and counts what they do."""

    def __init__(self, seconds: float, broken: int = 0) -> None:
        self.seconds, self.broken = seconds, broken
        self.begun = self.cancelled = 0

    def __call__(self, problem: Problem) -> LocalExecutor:
        return LocalExecutor(lambda: _WatchedSandbox(self), width=8, retries=0)


class _WatchedSandbox(StandInSandbox):
    def __init__(self, watched: Watched) -> None:
        super().__init__(lambda: watched.seconds)
        self._watched = watched

    async def judge(self, job: Job) -> Verdict:
        self._watched.begun += 1
        if self._watched.broken:
            self._watched.broken -= 1
            raise SandboxUnavailable("the engine is gone")
        try:
            return await super().judge(job)
        except asyncio.CancelledError:
            self._watched.cancelled += 1
            raise


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


async def within(judging: Awaitable[Result]) -> Result:
    async with asyncio.timeout(PATIENCE_S):
        return await judging


async def test_several_slots_work_at_once_each_on_its_own_program(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    async with working(make_worker(executor.url, tmp_path / "cache", stand_ins(3, lambda: 0.01), slots=3)):
        jobs = [job(problem, "x" * length) for length in range(12)]
        verdicts = await within(asyncio.gather(*(executor.judge(item) for item in jobs)))
    assert [v.metrics for v in verdicts] == [stand_in_score(item.files) for item in jobs]


async def test_what_is_told_to_end_finishes_what_it_has(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    watched = Watched(0.5)
    worker = make_worker(executor.url, tmp_path / "cache", watched, drain_s=PATIENCE_S)
    running = asyncio.create_task(worker.run())
    judging = asyncio.create_task(executor.judge(job(problem)))
    await until(lambda: watched.begun == 1)
    worker.drain()
    await within(running)
    assert (await within(judging)).outcome is Outcome.VALID and worker.judged == 1


async def test_what_takes_too_long_to_finish_is_given_back_at_once(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    slow, quick = Watched(LONG_S), Watched(0.0)
    first = make_worker(executor.url, tmp_path / "cache", slow, drain_s=0.1)
    running = asyncio.create_task(first.run())
    judging = asyncio.create_task(executor.judge(job(problem)))
    await until(lambda: slow.begun == 1)
    async with working(make_worker(executor.url, tmp_path / "cache", quick, seed=2)):
        first.drain()
        await within(running)
        assert (await within(judging)).outcome is Outcome.VALID
    assert slow.cancelled == 1 and first.judged == 0


async def test_when_the_hub_is_another_the_worker_stops_what_the_old_one_wanted_and_joins_again(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    watched = Watched(LONG_S)
    async with working(make_worker(executor.url, tmp_path / "cache", watched)):
        judging = asyncio.create_task(executor.judge(job(problem)))
        await until(lambda: watched.begun == 1)
        await executor.close()
        assert (await within(judging)).outcome is Outcome.INFRASTRUCTURE
        await executor.start()
        await until(lambda: watched.cancelled == 1)
        watched.seconds = 0.0
        judging = asyncio.create_task(executor.judge(job(problem)))
        assert (await within(judging)).outcome is Outcome.VALID


async def test_a_cancelled_evaluation_is_stopped_on_the_worker(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    watched = Watched(LONG_S)
    async with working(make_worker(executor.url, tmp_path / "cache", watched)):
        judging = asyncio.create_task(executor.judge(job(problem)))
        await until(lambda: watched.begun == 1)
        judging.cancel()
        await until(lambda: watched.cancelled == 1)


async def test_an_evaluation_that_takes_many_leases_is_finished(problem: Problem, tmp_path: Path) -> None:
    executor = hub(tmp_path, lease_s=1.0)
    await executor.start()
    watched = Watched(4.0)
    async with working(make_worker(executor.url, tmp_path / "cache", watched)):
        assert (await within(executor.judge(job(problem)))).outcome is Outcome.VALID
    await executor.close()
    assert watched.begun == 1


async def test_jobs_go_where_what_they_take_is(executor: HubExecutor, problem: Problem, tmp_path: Path) -> None:
    stage = replace(problem.stages[0], resources=Resources(cpus=1.0, gpus=1.0))
    plain, strong = Watched(0.0), Watched(0.0)
    with_gpu = Amounts(cpus=2.0, gpus=1.0)
    async with working(
        make_worker(executor.url, tmp_path / "cache", plain, capacity=Amounts(cpus=8.0), slots=8),
        make_worker(executor.url, tmp_path / "cache", strong, capacity=with_gpu, slots=8, seed=2),
    ):
        for _ in range(5):
            await within(asyncio.ensure_future(executor.judge(replace(job(problem), stage=stage))))
    assert (plain.begun, strong.begun) == (0, 5)


async def test_a_machine_that_fails_rests_and_the_job_goes_to_another(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    bad, good = Watched(0.0, broken=1000), Watched(0.0)
    async with working(
        make_worker(executor.url, tmp_path / "cache", bad, slots=8),
        make_worker(executor.url, tmp_path / "cache", good, seed=2),
    ):
        verdicts = await within(asyncio.gather(*(executor.judge(job(problem, str(n))) for n in range(30))))
    assert {v.outcome for v in verdicts} == {Outcome.VALID} and good.begun == 30
    assert bad.begun < 20


async def test_a_machine_that_cannot_judge_at_all_says_why(problem: Problem, tmp_path: Path) -> None:
    def make(problem: Problem) -> LocalExecutor:
        raise ConfigurationError("No engine answers here.")

    executor = hub(tmp_path, failures=2)
    await executor.start()
    async with working(make_worker(executor.url, tmp_path / "cache", make)):
        verdict = await within(asyncio.ensure_future(executor.judge(job(problem))))
    await executor.close()
    assert verdict.outcome is Outcome.INFRASTRUCTURE and "No engine answers here." in verdict.feedback


async def test_a_verdict_that_is_too_long_for_the_hub_is_our_failure_in_words(problem: Problem, tmp_path: Path) -> None:
    class Talkative(StandInSandbox):
        async def judge(self, job: Job) -> Verdict:
            return Verdict(Outcome.VALID, metrics={"value": 1.0}, artifacts={"long": bytes(2 << 20)})

    executor = hub(tmp_path, max_report_mb=1, failures=1)
    await executor.start()
    make: MakeExecutor = lambda problem: LocalExecutor(Talkative, width=1, retries=0)  # noqa: E731
    async with working(make_worker(executor.url, tmp_path / "cache", make)):
        verdict = await within(asyncio.ensure_future(executor.judge(job(problem))))
    await executor.close()
    assert verdict.outcome is Outcome.INFRASTRUCTURE and "max_report_mb" in verdict.feedback


async def test_problems_take_turns_and_only_one_stays_warm(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    other = Problem.load(bundled("problems") / "bin_packing")
    watched = Watched(0.0)
    async with working(make_worker(executor.url, tmp_path / "cache", watched, slots=4)):
        for kind in (problem, other, problem):
            await within(asyncio.ensure_future(executor.judge(job(kind))))
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_a_worker_without_work_ends_where_that_is_wanted(executor: HubExecutor, tmp_path: Path) -> None:
    worker = make_worker(executor.url, tmp_path / "cache", stand_ins(1), idle_exit_s=0.3)
    await within(asyncio.ensure_future(worker.run()))
    away = make_worker("http://127.0.0.1:9", tmp_path / "cache", stand_ins(1), idle_exit_s=0.3)
    await within(asyncio.ensure_future(away.run()))


async def test_what_cannot_work_together_says_so_and_ends(
    executor: HubExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worker(**changed: Any) -> asyncio.Future[None]:
        return asyncio.ensure_future(make_worker(executor.url, tmp_path / "c", stand_ins(1), **changed).run())

    stranger = HubClient(executor.url, Token("another-token-altogether", "x"), client_context(None))
    with pytest.raises(Refused, match="Wrong token"):
        await within(worker(connection=stranger))
    with pytest.raises(Refused, match=r"executor\.sandboxes"):
        await within(worker(sandbox="hope"))
    monkeypatch.setattr(worker_module, "this_edition", lambda: Edition("0.0.1", this_edition().guests))
    with pytest.raises(Refused, match=r"evolve 0\.0\.1, expected") as caught:
        await within(worker())
    assert caught.value.code is Code.MISMATCH


@pytest.mark.parametrize("url", ["", "127.0.0.1:8470", "ftp://127.0.0.1", "http://", "http://127.0.0.1/path"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--connect"):
        client(url)


def test_a_token_is_not_sent_in_the_clear_to_another_machine() -> None:
    token, tls = Token(SECRET, "x"), client_context(None)
    with pytest.raises(ConfigurationError, match=r"unencrypted.*--insecure"):
        HubClient("http://10.0.0.1:8470", token, tls)
    HubClient("http://10.0.0.1:8470", token, tls, insecure=True)
    HubClient("https://10.0.0.1:8470", token, tls)


async def test_what_is_no_hub_is_not_taken_for_one(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(HubAway, match="no hub of this version"):
        await connection.beat("x", [], 5.0)
    await connection.close()
    server.close()
    await server.wait_closed()


async def test_encrypted_and_pinned_to_the_hubs_own_certificate(problem: Problem, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    cert, key = certificate(tmp_path, "127.0.0.1")
    stranger, _ = certificate(tmp_path / "other", "127.0.0.1")
    executor = hub(tmp_path, tls_cert=str(cert), tls_key=str(key))
    await executor.start()
    assert executor.url.startswith("https://")
    token = Token(SECRET, "x")
    for ca in (None, stranger):
        distrustful = HubClient(executor.url, token, client_context(ca))
        with pytest.raises(HubAway, match="certificate verify failed"):
            await distrustful.parcel("0" * 64)
        await distrustful.close()
    trusting = HubClient(executor.url, token, client_context(cert))
    async with working(make_worker(executor.url, tmp_path / "cache", stand_ins(1), connection=trusting)):
        assert (await within(executor.judge(job(problem)))).outcome is Outcome.VALID
    await executor.close()


# ── the command ───────────────────────────────────────────────────────────────────────────────
async def command(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    code = "from evolve.cli import main; main()"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "worker", *arguments),
        cwd=ROOT,
        env={**os.environ, "EVOLVE_SANDBOX": "process", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


async def test_the_command_judges_in_real_sandboxes_and_ends_when_told(
    executor: HubExecutor, problem: Problem, tmp_path: Path
) -> None:
    settings: Sequence[str] = ("--slots", "1", "--cpus", "2", "--resource", "fast_disk=1")
    process = await command(
        *("--connect", executor.url, "--token-file", str(tmp_path / "token"), "--json", *settings),
        TMPDIR=str(tmp_path),
    )
    verdict = await within(asyncio.ensure_future(executor.judge(Job(problem, problem.stages[0], problem.seed().files))))
    assert verdict.outcome is Outcome.VALID and verdict.metrics["sum_radii"] > 0
    process.send_signal(signal.SIGTERM)
    assert (await ended(process))[:2] == (0, '{"judged": 1}\n')
    assert not list(tmp_path.glob("evolve-*"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--connect", "http://127.0.0.1:9"], "--token-file"),
        (["--connect", "http://127.0.0.1:9", "--token", SECRET, "--resource", "disk"], "NAME=AMOUNT"),
        (["--connect", "http://10.0.0.1:9", "--token", SECRET], "--insecure"),
    ],
)
def test_the_command_says_what_is_missing(arguments: list[str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        CliRunner().invoke(worker_command, arguments, catch_exceptions=False)
