"""The hub as someone sees it who speaks HTTP: what it refuses, and that refusing costs it nothing."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from evolve.cluster.edition import this_edition
from evolve.cluster.hub import HubExecutor
from evolve.cluster.hub_messages import PROTOCOL
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError
from evolve.interfaces import Job
from evolve.paths import bundled
from tests.cluster.hub_support import SECRET, hub

AMOUNTS = {"cpus": 2, "gpus": 0, "memory_mb": 100, "custom": {}}
HELLO = {
    "protocol": PROTOCOL,
    "version": this_edition().version,
    "guests": this_edition().guests,
    "name": "hand made",
    "slots": 2,
    "capacity": AMOUNTS,
    "sandbox": "process",
}
VERDICT = {
    "type": "judged",
    "outcome": "valid",
    "metrics": {"value": 1.5},
    "feedback": "",
    "artifacts": {"note": "aGk="},
    "per_instance": {},
    "seconds": 0.5,
    "log": "",
}


class Visitor:
    """Somebody who knows the address, and the token unless told otherwise."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def send(self, method: str, path: str, body: object = None, token: str | None = SECRET) -> tuple[int, Any]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = None if body is None else io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        async with self._session.request(method, self._url + path, data=data, headers=headers) as response:
            text = await response.read()
            return response.status, json.loads(text) if response.content_type == "application/json" and text else text

    async def join(self, **changed: object) -> str:
        status, welcome = await self.send("POST", "/v1/workers", {**HELLO, **changed})
        assert status == 200
        return str(welcome["worker"])

    async def ask(self, worker: str, wait_s: float = 5.0) -> tuple[int, Any]:
        return await self.send("POST", f"/v1/workers/{worker}/ask", {"wait_s": wait_s})


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[HubExecutor]:
    executor = hub(tmp_path, width=4, max_report_mb=1)
    await executor.start()
    yield executor
    await executor.close()


@pytest.fixture
async def visitor(executor: HubExecutor) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, executor.url)


@pytest.fixture
def job() -> Job:
    problem = Problem.load(bundled("problems") / "circle_packing")
    return Job(problem, problem.stages[0], problem.seed().files)


async def test_by_hand_a_job_is_fetched_and_its_verdict_taken_once(
    executor: HubExecutor, visitor: Visitor, job: Job
) -> None:
    judging = asyncio.create_task(executor.judge(job))
    worker = await visitor.join()
    status, offer = await visitor.ask(worker)
    assert status == 200 and offer["files"] == dict(job.files) and offer["stage"] == job.stage.name
    status, parcel = await visitor.send("GET", f"/v1/parcels/{offer['shipment']['digest']}")
    assert status == 200 and len(parcel) > 1000
    address = f"/v1/workers/{worker}/leases/{offer['lease']}"
    statuses = [await visitor.send("POST", address, VERDICT) for _ in range(3)]
    assert [status for status, _ in statuses] == [204, 409, 409]
    assert statuses[1][1]["code"] == "reported"
    verdict = await judging
    assert verdict.outcome is Outcome.VALID and verdict.metrics == {"value": 1.5}
    assert verdict.artifacts == {"note": b"hi"}


async def test_nobody_is_listened_to_without_the_token(
    executor: HubExecutor, visitor: Visitor, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    judging = asyncio.create_task(executor.judge(job))
    worker = await visitor.join()
    _, offer = await visitor.ask(worker)
    lease = f"/v1/workers/{worker}/leases/{offer['lease']}"
    for token in (None, "", "wrong", SECRET[:-1], SECRET.upper()):
        for method, path, body in (
            ("POST", "/v1/workers", HELLO),
            ("POST", lease, VERDICT),
            ("GET", f"/v1/parcels/{offer['shipment']['digest']}", None),
            ("DELETE", f"/v1/workers/{worker}", None),
            ("GET", "/", None),
        ):
            status, refusal = await visitor.send(method, path, body, token)
            assert (status, refusal["code"]) == (401, "unauthenticated")
    assert not judging.done()
    assert (await visitor.send("POST", lease, VERDICT))[0] == 204
    assert (await judging).outcome is Outcome.VALID
    assert SECRET not in caplog.text and offer["lease"] not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        {**HELLO, "surprise": 1},
        {**HELLO, "slots": 0},
        {**HELLO, "slots": 10**9},
        {**HELLO, "slots": "2"},
        {**HELLO, "name": ""},
        {**HELLO, "name": "n" * 1000},
        {**HELLO, "capacity": {**AMOUNTS, "cpus": -1}},
        {**HELLO, "capacity": {**AMOUNTS, "custom": {f"r{n}": 1 for n in range(100)}}},
        {name: value for name, value in HELLO.items() if name != "guests"},
    ],
    ids=range(14),
)
async def test_a_malformed_introduction_is_refused(visitor: Visitor, body: object) -> None:
    status, refusal = await visitor.send("POST", "/v1/workers", body)
    assert (status, refusal["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"outcome": "splendid"}, 400, "malformed"),
        ({"metrics": {"value": "1.5"}}, 400, "malformed"),
        ({"metrics": {"value": None}}, 400, "malformed"),
        ({"artifacts": {"a": "not base64!"}}, 400, "malformed"),
        ({"type": "judge"}, 400, "malformed"),
        ({"more": 1}, 400, "malformed"),
        ({"outcome": "infrastructure"}, 422, "impossible"),
        ({"outcome": "rejected"}, 422, "impossible"),
    ],
)
async def test_a_malformed_verdict_settles_nothing(
    executor: HubExecutor, visitor: Visitor, job: Job, changed: dict[str, object], status: int, code: str
) -> None:
    judging = asyncio.create_task(executor.judge(job))
    worker = await visitor.join()
    _, offer = await visitor.ask(worker)
    path = f"/v1/workers/{worker}/leases/{offer['lease']}"
    found, refusal = await visitor.send("POST", path, {**VERDICT, **changed})
    assert (found, refusal["code"]) == (status, code) and not judging.done()
    if code == "impossible":
        _, offer = await visitor.ask(worker)
    path = f"/v1/workers/{worker}/leases/{offer['lease']}"
    assert (await visitor.send("POST", path, VERDICT))[0] == 204
    assert (await judging).metrics == {"value": 1.5}


async def test_what_is_too_long_is_not_read(executor: HubExecutor, visitor: Visitor, job: Job) -> None:
    judging = asyncio.create_task(executor.judge(job))
    worker = await visitor.join()
    _, offer = await visitor.ask(worker)
    path = f"/v1/workers/{worker}/leases/{offer['lease']}"
    status, refusal = await visitor.send("POST", "/v1/workers", b"x" * (1 << 20) + b"x")
    assert (status, refusal["code"]) == (413, "too_large")
    status, refusal = await visitor.send("POST", path, {**VERDICT, "log": "x" * (1 << 20)})
    assert (status, refusal["code"]) == (413, "too_large")
    assert (await visitor.send("POST", path, VERDICT))[0] == 204
    assert (await judging).outcome is Outcome.VALID


async def test_a_body_without_a_length_is_cut_off_where_it_is_too_long(executor: HubExecutor) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 65536

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as session:
        try:
            async with session.post(f"{executor.url}/v1/workers", data=endless()) as response:
                assert response.status == 413
        except aiohttp.ClientError:
            pass  # it hung up while we were still talking


async def test_unknown_addresses_and_names_are_told_apart(visitor: Visitor) -> None:
    worker = await visitor.join()
    for method, path, status, code in (
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/workers", 404, "not_found"),
        ("GET", f"/v1/parcels/{'0' * 64}", 404, "not_found"),
        ("DELETE", "/v1/workers/00000000-x", 410, "other_hub"),
        ("DELETE", f"/v1/workers/{worker}", 204, None),
        ("DELETE", f"/v1/workers/{worker}", 410, "unknown_worker"),
    ):
        found, answer = await visitor.send(method, path)
        assert found == status and (answer["code"] if code else None) == code


async def test_without_a_job_asking_ends_empty_and_a_new_job_goes_to_who_waits(
    executor: HubExecutor, visitor: Visitor, job: Job
) -> None:
    worker = await visitor.join()
    assert (await visitor.ask(worker, 0.05))[0] == 204
    asking = asyncio.create_task(visitor.ask(worker, 50.0))
    await asyncio.sleep(0.05)
    judging = asyncio.create_task(executor.judge(job))
    async with asyncio.timeout(20):
        assert (await asking)[0] == 200
    await executor.close()
    assert (await judging).outcome is Outcome.INFRASTRUCTURE


async def test_who_hangs_up_is_handed_nothing(executor: HubExecutor, visitor: Visitor, job: Job) -> None:
    worker = await visitor.join()
    asking = [asyncio.create_task(visitor.ask(worker, 50.0)) for _ in range(5)]
    await asyncio.sleep(0.1)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.1)
    judging = asyncio.create_task(executor.judge(job))
    async with asyncio.timeout(20):  # shorter than a lease
        status, offer = await visitor.ask(worker)
        assert status == 200
        await visitor.send("POST", f"/v1/workers/{worker}/leases/{offer['lease']}", VERDICT)
        assert (await judging).outcome is Outcome.VALID


async def test_closing_lets_those_go_who_wait(executor: HubExecutor, visitor: Visitor) -> None:
    worker = await visitor.join()
    asking = asyncio.create_task(visitor.ask(worker, 50.0))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        await executor.close()
        status, refusal = await asking
    assert (status, refusal["code"]) == (503, "closing")


async def test_an_address_that_is_taken_is_named(executor: HubExecutor, tmp_path: Path) -> None:
    port = int(executor.url.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port}.*executor\.port"):
        await hub(tmp_path, port=port).start()


async def test_a_person_is_told_what_evaluations_wait_for(
    executor: HubExecutor, visitor: Visitor, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    judging = asyncio.create_task(executor.judge(job))
    async with asyncio.timeout(20):
        while "evolve worker --connect" not in caplog.text:
            await asyncio.sleep(0.05)
    assert executor.url in caplog.text and SECRET not in caplog.text
    judging.cancel()
    await asyncio.gather(judging, return_exceptions=True)
