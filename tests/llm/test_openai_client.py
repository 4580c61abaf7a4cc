"""What a server may send back, and what becomes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evolve.domain.proposal import Message, Request
from evolve.llm.failures import CallFailed, Remedy, retry_after_s
from evolve.llm.openai_client import OpenAiClient, read_answer, storable

REQUEST = Request("m", (Message("user", "12345678"),), {"temperature": 0.5})
GOOD = {"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}], "model": "m-1"}


@asynccontextmanager
async def listener(response: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve one canned response on a loopback port; yield its address and what was received."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        received.append(head + await reader.readexactly(length))
        writer.write(response)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", received


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def failure(response: bytes) -> CallFailed:
    async with listener(response) as (url, _):
        client = OpenAiClient(url, "", trust_env=False)
        with pytest.raises(CallFailed) as caught:
            await client.chat("m", REQUEST)
        await client.close()
    return caught.value


async def test_the_request_carries_the_key_the_messages_and_the_settings() -> None:
    async with listener(http("200 OK", json.dumps(GOOD).encode())) as (url, received):
        client = OpenAiClient(url + "/", "s3cret", trust_env=False)
        answer = await client.chat("name", REQUEST)
        await client.close()
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1")
    assert b"Authorization: Bearer s3cret" in head
    sent = {"model": "name", "messages": [{"role": "user", "content": "12345678"}], "temperature": 0.5}
    assert json.loads(body) == sent
    assert (answer.text, answer.model, answer.finish_reason) == ("fine", "m-1", "stop")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, Remedy.ANOTHER_REQUEST),
        (422, Remedy.ANOTHER_REQUEST),
        (401, Remedy.NONE),
        (403, Remedy.NONE),
        (404, Remedy.NONE),
        (302, Remedy.NONE),
        (408, Remedy.WAIT),
        (429, Remedy.WAIT),
        (500, Remedy.WAIT),
        (529, Remedy.WAIT),
    ],
)
async def test_a_status_says_what_would_mend_it(status: int, remedy: Remedy) -> None:
    failed = await failure(http(f"{status} X", b'{"error": {"message": "because"}}', "Retry-After: 7", "Location: /"))
    assert (failed.status, failed.remedy, failed.retry_after_s) == (status, remedy, 7.0)
    assert "because" in failed.message


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff\xfe"]
)
async def test_what_is_not_a_completion_may_be_asked_for_again(body: bytes) -> None:
    failed = await failure(http("200 OK", body))
    assert failed.remedy is Remedy.WAIT
    assert "answer is not" in failed.message


async def test_a_lost_connection_and_an_absent_server_are_transient() -> None:
    assert (await failure(http("200 OK", b"{}").replace(b": 2", b": 900"))).remedy is Remedy.WAIT
    assert (await failure(b"")).remedy is Remedy.WAIT
    client = OpenAiClient("http://127.0.0.1:9/v1", "", trust_env=False)
    with pytest.raises(CallFailed, match="no answer from") as caught:
        await client.chat("m", REQUEST)
    assert caught.value.remedy is Remedy.WAIT
    await client.close()


def test_tokens_that_were_not_counted_are_estimated_so_that_budgets_hold() -> None:
    answer = read_answer({"choices": [{"message": {"content": "12345"}}]}, REQUEST)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (7, 2, "stop")


def test_text_that_cannot_be_stored_is_replaced() -> None:
    assert storable("a\0b\ud800c\u2028") == "a\ufffdb\ufffdc\u2028"


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after_s("1.5") == 1.5
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after_s("-3") == 0.0
    assert retry_after_s("soon") is None
    assert retry_after_s("nan") is None
    assert retry_after_s(None) is None
