"""A worker's side of the conversation with a hub."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from evolve.cluster.credentials import Token, is_loopback
from evolve.cluster.hub_messages import (
    BASE,
    Ask,
    Beat,
    Beaten,
    Code,
    Held,
    Hello,
    Offer,
    Refusal,
    Refused,
    Report,
    Welcome,
)
from evolve.cluster.parcel import Parcel
from evolve.errors import ConfigurationError, EvolveError

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_REPORT_SECONDS: Final = 600.0
_NO_CONTENT: Final = 204
_FIRST_ERROR: Final = 400
_COME_BACK_LATER: Final = frozenset({Code.FULL, Code.CLOSING})

_Read = TypeVar("_Read", Welcome, Offer, Beaten, Refusal)


class HubAway(EvolveError):
    """The hub cannot be reached or wants nothing now, or something else answers in its place."""


class HubClient:
    """One method for each request. Each raises HubAway, or Refused with the hub's reason.

    Args:
        url: of the hub, without a path.
        token: what it wants to be shown.
        tls: whom to trust; for https only.
        insecure: whether the token may travel to another machine without encryption.
    """

    def __init__(self, url: str, token: Token, tls: ssl.SSLContext, *, insecure: bool = False) -> None:
        """Raises ConfigurationError for an address that is none, or that would give the token away."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ConfigurationError(f"--connect {url}: expected https://HOST:PORT, as the hub prints it.")
        if parts.scheme == "http" and not insecure and not is_loopback(parts.hostname):
            raise ConfigurationError(
                f"--connect {url}: the token and the scores would travel unencrypted. Expected https://. Where "
                "something else encrypts (a tunnel, a mesh): --insecure."
            )
        self._base = url.rstrip("/") + BASE
        self._token, self._tls = token, tls
        self._session: aiohttp.ClientSession | None = None

    async def join(self, hello: Hello) -> Welcome:
        """Become a worker."""
        return self._read(await self._send("POST", "/workers", hello), Welcome)

    async def leave(self, worker: str) -> None:
        """Stop being one."""
        await self._send("DELETE", f"/workers/{worker}")

    async def ask(self, worker: str, wait_s: float) -> Offer | None:
        """Wait for a job; None when there was none."""
        data = await self._send("POST", f"/workers/{worker}/ask", Ask(wait_s=wait_s), _ANSWER_SECONDS + wait_s)
        return self._read(data, Offer) if data else None

    async def beat(self, worker: str, held: Sequence[Held], answer_s: float) -> Mapping[str, Refusal]:
        """Renew leases; return those that are over. An answer that takes longer than ``answer_s`` is none."""
        beat = Beat(held=list(held))
        return self._read(await self._send("POST", f"/workers/{worker}/beat", beat, answer_s), Beaten).over

    async def report(self, worker: str, lease: str, report: Report) -> None:
        """Say how an evaluation ended."""
        await self._send("POST", f"/workers/{worker}/leases/{lease}", report, _REPORT_SECONDS)

    async def parcel(self, digest: str) -> Parcel:
        """Fetch a problem folder. Its content is not checked here."""
        return Parcel(digest, await self._send("GET", f"/parcels/{digest}", answer_s=_REPORT_SECONDS))

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(
        self, method: str, path: str, message: msgspec.Struct | None = None, answer_s: float = _ANSWER_SECONDS
    ) -> bytes:
        body = None if message is None else BytesIO(msgspec.json.encode(message))  # sent in parts, if it is long
        timeout = aiohttp.ClientTimeout(total=answer_s, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._opened().request(
                method, self._base + path, data=body, timeout=timeout, allow_redirects=False
            ) as response:
                data = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise HubAway(f"No hub answers at {self._base}: {str(error) or type(error).__name__}") from error
        if response.status >= _FIRST_ERROR:
            refusal = self._read(data, Refusal)
            if refusal.code in _COME_BACK_LATER:
                raise HubAway(refusal.detail)
            raise Refused(refusal.code, refusal.detail)
        return b"" if response.status == _NO_CONTENT else data

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
                headers={"Authorization": self._token.header()},
            )
        return self._session

    def _read(self, data: bytes, kind: type[_Read]) -> _Read:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise HubAway(f"What answers at {self._base} is no hub of this version: {error}") from error
