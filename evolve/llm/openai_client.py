"""Chat completions from an OpenAI-compatible server, over pooled keep-alive connections."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evolve.domain.proposal import Request
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens
from evolve.llm.answers import Answer
from evolve.llm.failures import CallFailed, Remedy
from evolve.llm.messages import as_sent

if TYPE_CHECKING:
    import aiohttp

_LARGEST_BODY = 16 * 2**20
_LARGEST_COUNT = 2**31 - 1
_LONGEST_NAME = 200
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def read_answer(body: Mapping[str, Any], request: Request) -> Answer:
    """Return the answer in a chat completion. Tokens the server did not count are estimated.

    Raises CallFailed when it is not one.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        said, refusal = _text(message.get("content")), _refusal(message)
        usage = body.get("usage") or {}
        return Answer(
            text=storable(said or refusal),
            model=storable(str(body.get("model") or request.model))[:_LONGEST_NAME],
            finish_reason=storable(str(choice.get("finish_reason") or "stop"))[:_LONGEST_NAME],
            prompt_tokens=_count(usage.get("prompt_tokens")) or estimate_prompt_tokens(request.messages),
            completion_tokens=_count(usage.get("completion_tokens")) or estimate_tokens(said or refusal),
            refused=bool(refusal),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CallFailed(f"the server's answer is not a chat completion: {str(body)[:200]}") from error


def _text(content: object) -> str:
    """Return the text of a message; some servers send it in parts."""
    if isinstance(content, list):
        return "".join(str(part["text"]) for part in content if part.get("type") == "text")
    if content is None or isinstance(content, str):
        return content or ""
    raise TypeError(f"expected text, found {type(content).__name__}")


def _refusal(message: Mapping[str, Any]) -> str:
    refusal = message.get("refusal") or (message.get("provider_specific_fields") or {}).get("refusal")
    return str(refusal) if refusal else ""


def _count(tokens: Any) -> int:
    return min(max(0, int(tokens or 0)), _LARGEST_COUNT)


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

        content = {"model": model, "messages": as_sent(request.messages), **request.settings}
        payload = json.dumps(content).encode("ascii")
        try:
            async with self._open().post(
                self._url, data=payload, headers=self._headers, allow_redirects=False
            ) as response:
                body = await _read(response)
                status, retry_after = response.status, response.headers.get("Retry-After")
                kind = response.content_type
        except aiohttp.InvalidURL as error:
            raise CallFailed(f"not an address: {self._url}", remedy=Remedy.NONE) from error
        except (aiohttp.ClientError, OSError) as error:
            raise CallFailed(f"no answer from {self._url}: {type(error).__name__}: {error}") from error
        if status != 200:
            raise CallFailed.with_status(status, _error_message(body), retry_after)
        return read_answer(_object(body, kind), request)

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
            raise CallFailed(f"the answer is larger than {_LARGEST_BODY} bytes", remedy=Remedy.ANOTHER_REQUEST)
    return bytes(body)


def _object(body: bytes, kind: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CallFailed(f"the server's answer is not JSON but {kind}: {body[:200]!r}") from error
    if not isinstance(found, dict):
        raise CallFailed(f"the server's answer is not a chat completion: {body[:200]!r}")
    return found


def _error_message(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return body[:500].decode("utf-8", "replace")
    error = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(error, dict):
        return str(error)
    code = error.get("code")
    return f"{error.get('message', error)}{f' ({code})' if code else ''}"
