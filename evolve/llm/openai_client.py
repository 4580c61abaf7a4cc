"""Chat completions from an OpenAI-compatible server, over pooled keep-alive connections."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from evolve.domain.proposal import Request

if TYPE_CHECKING:
    import aiohttp

_LARGEST_BODY = 64 * 2**20
_TRANSIENT_STATUS = {408, 409, 425, 429}
_CHARS_PER_TOKEN = 4
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class CallFailed(Exception):
    """One attempt at a model call failed.

    Args:
        message: what happened.
        status: HTTP status, or None when no answer came.
        retry_after_s: how long the server asked to wait.
        transient: whether the same request may succeed later.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after_s: float | None = None, transient: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after_s = retry_after_s
        self.transient = transient

    @classmethod
    def with_status(cls, status: int, message: str, retry_after: str | None = None) -> CallFailed:
        """Return the failure that an HTTP status stands for."""
        transient = status in _TRANSIENT_STATUS or status >= 500
        return cls(f"HTTP {status}: {message[:500]}", status, retry_after_s(retry_after), transient)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. ``usd`` is the price it is known to have charged, or None."""

    text: str
    model: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    usd: float | None = None


def retry_after_s(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (a number or an HTTP date), or None."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def read_answer(body: dict[str, Any], request: Request) -> Answer:
    """Return the answer in a chat completion. Tokens the server did not count are estimated.

    Raises CallFailed when it is not one.
    """
    try:
        choice = body["choices"][0]
        text = choice["message"].get("content") or ""
        usage = body.get("usage") or {}
        asked = sum(len(message.content) for message in request.messages)
        return Answer(
            text=storable(text),
            model=str(body.get("model") or request.model),
            finish_reason=str(choice.get("finish_reason") or "stop"),
            prompt_tokens=int(usage.get("prompt_tokens") or -(-asked // _CHARS_PER_TOKEN)),
            completion_tokens=int(usage.get("completion_tokens") or -(-len(text) // _CHARS_PER_TOKEN)),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise CallFailed(f"the server's answer is not a chat completion: {str(body)[:200]}") from error


def storable(text: str) -> str:
    """Return the text with what no database or file can hold (lone surrogates, NUL) replaced by U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


class OpenAiClient:
    """Sends one chat request and reads one answer; no retries.

    Args:
        api_base: address up to and including ``/v1``.
        api_key: sent as bearer token; ``""`` sends none.
        trust_env: whether HTTP_PROXY and its like apply.
    """

    def __init__(self, api_base: str, api_key: str, *, trust_env: bool) -> None:
        self._url = api_base.rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._trust_env = trust_env
        self._session: aiohttp.ClientSession | None = None

    async def chat(self, model: str, request: Request) -> Answer:
        """Return the answer. Raises CallFailed."""
        import aiohttp

        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        payload = json.dumps({"model": model, "messages": messages, **request.settings}).encode("ascii")
        try:
            async with self._open().post(
                self._url, data=payload, headers=self._headers, allow_redirects=False
            ) as response:
                body = await _read(response)
                status, retry_after = response.status, response.headers.get("Retry-After")
        except aiohttp.InvalidURL as error:
            raise CallFailed(f"not an address: {self._url}", transient=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed(f"no answer from {self._url}: {type(error).__name__}: {error}") from error
        if status != 200:
            raise CallFailed.with_status(status, _error_message(body), retry_after)
        return read_answer(_object(body), request)

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            # The caller bounds each call and the number of calls; a second limit here would only surprise.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
                trust_env=self._trust_env,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise CallFailed(f"the answer is larger than {_LARGEST_BODY} bytes", transient=False)
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise CallFailed(f"the server's answer is not JSON: {body[:200]!r}") from error
    if not isinstance(found, dict):
        raise CallFailed(f"the server's answer is not a chat completion: {body[:200]!r}")
    return found


def _error_message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except ValueError:
        return body[:500].decode("utf-8", "replace")
    error = found.get("error", found) if isinstance(found, dict) else found
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
