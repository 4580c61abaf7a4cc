"""What a session's sandbox talks to: one socket, one connection, requests as lines of JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from evolve.domain.proposal import Message
from evolve.interfaces import Desk

_LONGEST_LINE: Final = 16 << 20
_MOST_MESSAGES: Final = 500
_ROLES: Final = frozenset({"system", "user", "assistant"})
_ROLE_OF: Final[Mapping[str, str]] = {"developer": "system"}


class Broker:
    """Answers a session's requests from its desk. The other end is our own code, the requests are the agent's."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._at_work: set[asyncio.Task[None]] = set()
        self._met = False

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on the first connection until it ends; others are refused."""
        if self._met:
            writer.close()
            return
        self._met = True
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(json.loads(line), writer))
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)
        except (ValueError, ConnectionError):
            pass  # nobody to answer any more: the session ends as lost
        finally:
            await self.leave()
            writer.close()

    async def leave(self) -> None:
        """Give up what is not answered yet."""
        open_tasks = list(self._at_work)
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)

    async def _answer(self, request: Mapping[str, object], writer: asyncio.StreamWriter) -> None:
        answer = await self._answered(request)
        line = json.dumps({"id": request["id"], "answer": answer}, default=str).encode() + b"\n"
        with suppress(ConnectionError):
            writer.write(line)
            await writer.drain()

    async def _answered(self, request: Mapping[str, object]) -> Mapping[str, object]:
        match request.get("kind"):
            case "eval":
                return await self._desk.evaluate(_texts(request.get("files")))
            case "ask":
                if request.get("tools"):
                    return {"error": "tools are not passed on to the model here: only texts of messages are."}
                messages = _messages(request.get("messages"))
                if messages is None:
                    return {"error": f"expected 1 to {_MOST_MESSAGES} messages with a role and a text."}
                return await self._desk.ask(messages)
            case "left":
                return self._desk.left()
        return {"error": "expected the kind eval, ask or left."}


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[Path]:
    """Serve a desk on a socket that only this user can reach; yield its path."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="evolve-desk-"))
    broker = Broker(desk)
    try:
        server = await asyncio.start_unix_server(broker.meet, str(folder / "desk.sock"), limit=_LONGEST_LINE)
        try:
            yield folder / "desk.sock"
        finally:
            server.close()
            await broker.leave()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _texts(files: object) -> dict[str, str]:
    found = files if isinstance(files, dict) else {}
    return {path: text for path, text in found.items() if isinstance(text, str)}


def _messages(said: object) -> list[Message] | None:
    if not isinstance(said, list) or not 0 < len(said) <= _MOST_MESSAGES:
        return None
    messages = [_message(item) for item in said]
    return [message for message in messages if message] if all(messages) else None


def _message(item: object) -> Message | None:
    """Return a message as OpenAI's interface writes it, of which only texts are kept."""
    if not isinstance(item, dict):
        return None
    role, content = _ROLE_OF.get(str(item.get("role")), str(item.get("role"))), item.get("content")
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return Message(role, content) if role in _ROLES and isinstance(content, str) else None
