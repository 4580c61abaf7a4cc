"""A loopback server that speaks the OpenAI chat protocol and plays models, good and bad.

::

    python -m evolve.bench.model_server --port 0 --persona mutator:0.9,http500:0.1 --latency-s 0.5

prints its address. ``POST /v1/chat/completions`` answers, ``GET /log`` says what was paid for,
``GET /v1/models`` names the model. Equal seeds and equal prompts give equal answers, in whatever
order they arrive. Loopback only, no TLS, no streaming: an instrument, not a service.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Any, Self

import click
import numpy as np

from evolve.bench.personas import PERSONAS, Fault, Prompt, Reply, mix, read_prompt

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One request as the log shows it.

    Args:
        paid: the answer left whole. What a broken connection took is not in the price: no client
            could know it.
    """

    messages_hash: str
    persona: str
    status: int
    paid: bool
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


class ModelServer:
    """The server, for use as ``async with ModelServer(persona="mutator") as server: server.url``.

    Args:
        persona: a name of :data:`evolve.bench.personas.PERSONAS`, or a weighted mix of them.
        port: 0 for any free one.
        latency_s: time to an answer; the median if it varies.
        latency_sigma: spread of the logarithm of the time; 0 for a constant.
        seed: of everything that is drawn.
        input_usd_per_million, output_usd_per_million: prices in the log.
    """

    def __init__(
        self,
        persona: str = "mutator",
        *,
        port: int = 0,
        latency_s: float = 0.0,
        latency_sigma: float = 0.0,
        seed: int = 0,
        input_usd_per_million: float = 1.0,
        output_usd_per_million: float = 2.0,
    ) -> None:
        self._names, self._weights = mix(persona)
        self._port = port
        self._latency_s, self._latency_sigma, self._seed = latency_s, latency_sigma, seed
        self._prices = (input_usd_per_million / 1e6, output_usd_per_million / 1e6)
        self._seen: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.log: list[Entry] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, self._connections), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The address to use as ``api_base``."""
        return f"http://127.0.0.1:{self._port}/v1"

    def paid(self) -> list[Entry]:
        """Return the requests a provider would have charged for."""
        return [entry for entry in self.log if entry.paid]

    def totals(self) -> dict[str, object]:
        """Return what ``GET /log`` shows: counts, tokens, cost and every request."""
        paid = self.paid()
        return {
            "requests": len(self.log),
            "paid": len(paid),
            "prompt_tokens": sum(entry.prompt_tokens for entry in paid),
            "completion_tokens": sum(entry.completion_tokens for entry in paid),
            "cost_usd": sum(entry.cost_usd for entry in paid),
            "by_persona": dict(Counter(entry.persona for entry in self.log)),
            "entries": [asdict(entry) for entry in self.log],
        }

    def lost(self, number: int) -> None:
        """Note that the answer to a request, counted from 0, did not leave whole."""
        self.log[number] = replace(self.log[number], paid=False, prompt_tokens=0, completion_tokens=0, cost_usd=0.0)

    def answer(self, body: bytes) -> tuple[Reply, bytes, float]:
        """Return the reply to a chat request, its body, and after how many seconds it is due."""
        try:
            request = json.loads(body)
            messages = request["messages"]
        except (ValueError, KeyError, TypeError):
            return Reply(status=400), _error(400, "expected JSON with messages"), 0.0
        digest = hashlib.sha256(json.dumps(messages).encode()).digest()
        seen = self._seen[digest.hex()]
        self._seen[digest.hex()] += 1
        rng = np.random.default_rng([self._seed, seen, *digest[:8]])
        name = self._names[int(rng.choice(len(self._names), p=self._weights))]
        prompt = read_prompt(messages, seen)
        reply = PERSONAS[name](prompt, rng)
        entry = self._note(digest.hex(), name, prompt, reply)
        latency_s = self._latency_s * float(np.exp(self._latency_sigma * rng.standard_normal()))
        return reply, self._body(reply, entry, str(request.get("model", "scripted"))), latency_s

    def _note(self, digest: str, persona: str, prompt: Prompt, reply: Reply) -> Entry:
        paid = reply.status == 200 and reply.fault is Fault.NONE
        tokens = (_tokens(prompt.text), _tokens(reply.text or reply.refusal)) if paid else (0, 0)
        cost = tokens[0] * self._prices[0] + tokens[1] * self._prices[1]
        entry = Entry(digest[:32], persona, reply.status, paid, *tokens, cost)
        self.log.append(entry)
        return entry

    def _body(self, reply: Reply, entry: Entry, model: str) -> bytes:
        if reply.status != 200:
            return _error(reply.status, reply.text or HTTPStatus(reply.status).phrase)
        if reply.fault is Fault.NOT_JSON:
            return b'{"choices": [{"message": {"content": "half an ans'
        if reply.fault is Fault.HTML:
            return b"<!doctype html><title>Please sign in</title>"
        message: dict[str, str | None] = {"role": "assistant", "content": reply.text}
        if reply.refusal:
            message |= {"content": None, "refusal": reply.refusal}
        answer = {
            "id": f"chatcmpl-{len(self.log)}",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
            "usage": {
                "prompt_tokens": entry.prompt_tokens,
                "completion_tokens": entry.completion_tokens,
                "total_tokens": entry.prompt_tokens + entry.completion_tokens,
            },
        }
        return json.dumps(answer).encode()


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "server", "code": status}}).encode()


class _Connection(asyncio.Protocol):
    """One client over HTTP/1.1, kept alive; requests are answered one after the other."""

    def __init__(self, server: ModelServer, connections: set[_Connection]) -> None:
        self._server, self._connections = server, connections
        self._buffer = bytearray()
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)

    def abort(self) -> None:
        """Drop the client."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        stop = end + 4 + int(headers.get("content-length", "0"))
        if len(self._buffer) < stop:
            self._invite(headers)
            return
        body = bytes(self._buffer[end + 4 : stop])
        del self._buffer[:stop]
        self._busy = True
        self._respond(head[0], body)

    def _invite(self, headers: dict[str, str]) -> None:
        if headers.get("expect") == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _respond(self, request_line: str, body: bytes) -> None:
        method, path, *_ = [*request_line.split(" "), "", ""]
        if method == "POST" and path.endswith("/chat/completions"):
            number = len(self._server.log)
            reply, answer, latency_s = self._server.answer(body)
            if latency_s > 0:
                asyncio.get_running_loop().call_later(latency_s, self._send, reply, answer, number)
            else:
                self._send(reply, answer, number)
        elif path.endswith("/log"):
            self._send(Reply(), json.dumps(self._server.totals()).encode())
        elif path.endswith("/models"):
            self._send(Reply(), json.dumps({"object": "list", "data": [{"id": "bench", "object": "model"}]}).encode())
        else:
            self._send(Reply(status=404), _error(404, f"no {method} {path}"))

    def _send(self, reply: Reply, body: bytes, number: int | None = None) -> None:
        if self._transport is None and number is not None and self._server.log[number].paid:
            self._server.lost(number)
        if self._transport is None or reply.fault is Fault.HANG:
            return
        if reply.fault is Fault.RESET:
            self._transport.abort()
            return
        kind = "text/html" if reply.fault is Fault.HTML else "application/json"
        lines = [
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        if reply.fault in (Fault.CUT, Fault.STALL):
            self._transport.write(head + body[: len(body) // 2])
            if reply.fault is Fault.CUT:
                self._transport.close()
            return
        self._transport.write(head + body)
        self._busy = False
        if self._buffer:
            self._next()


async def _serve(settings: dict[str, Any]) -> None:
    async with ModelServer(**settings) as server:
        click.echo(server.url)
        await asyncio.Event().wait()


@click.command()
@click.option("--port", default=0, help="0 for any free one; the address is printed.")
@click.option("--persona", default="mutator", help=f"NAME or NAME:WEIGHT,...; names: {', '.join(PERSONAS)}.")
@click.option("--latency-s", default=0.0, help="Median time to an answer.")
@click.option("--latency-sigma", default=0.0, help="Spread of the logarithm of the time; 0 for a constant.")
@click.option("--seed", default=0)
@click.option("--input-usd-per-million", default=1.0)
@click.option("--output-usd-per-million", default=2.0)
def main(**settings: Any) -> None:
    """Serve until interrupted."""
    try:
        asyncio.run(_serve(settings))
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


if __name__ == "__main__":
    main()
