"""Who may ask the dashboard for what: checked in front of everything else, for requests and websockets alike.

What is refused: names that the server does not go by (DNS rebinding), requests that another site's page makes,
requests without the token where there is one, paths and methods that lead nowhere. Programs run as the user who
runs the dashboard, so without a token whoever can connect is trusted as that user: by default only this machine can.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from http.cookies import Morsel as Cookie
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from evolve.errors import ConfigurationError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
LOGIN: Final = "/login"
SOCKET: Final = "/_nicegui_ws/"
_SHORTEST_TOKEN = 16
_COOKIE = "evolve_ui"
_WEEK_S = 7 * 24 * 3600

_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; "
    "connect-src 'self'; font-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'nonce-{nonce}' 'unsafe-eval'"
)
"""Scripts are those that the server wrote: its files, and what carries the page's number. Text that slipped into a
page as markup would not run. NiceGUI compiles its templates in the browser, which takes ``unsafe-eval``, and sets
styles on elements."""
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that is bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in.

    Args:
        host: the address that the server is bound to.
        token: what visitors must show once; empty to ask for none.
        names: further names that the server is called by. Numbers are fine wherever it is not bound to loopback:
            only a name can be made to point elsewhere.
        paths: where there is anything; those that end with a slash with all below them.
    """

    host: str
    token: str = ""
    names: frozenset[str] = frozenset()
    paths: Collection[str] = ("/",)

    def __post_init__(self) -> None:
        if self.token and len(self.token) < _SHORTEST_TOKEN:
            raise ConfigurationError(f"token: expected at least {_SHORTEST_TOKEN} characters, found {len(self.token)}.")
        if not self.token and not is_loopback(self.host):
            raise ConfigurationError(f"host {self.host!r} is reached from other machines: that takes a token.")

    def knows_name(self, name: str) -> bool:
        """Whether the server goes by a name, as a browser says it in ``Host``, without the port."""
        if name in LOOPBACK_NAMES or name == self.host or name in self.names:
            return True
        return not is_loopback(self.host) and _is_number(name)

    def leads_somewhere(self, path: str) -> bool:
        """Whether there is anything at a path."""
        if ".." in path.split("/") or "\\" in path or "\0" in path:
            return False
        return path in self.paths or any(p != "/" and p.endswith("/") and path.startswith(p) for p in self.paths)

    @property
    def pass_value(self) -> str:
        """What a visitor's cookie holds once the token was shown; the token itself cannot be read from it."""
        return hmac.new(self.token.encode(), b"evolve ui", sha256).hexdigest()

    def is_token(self, shown: str) -> bool:
        """Whether this is the token."""
        return bool(self.token) and hmac.compare_digest(shown.encode(), self.token.encode())

    def lets_in(self, cookies: str) -> bool:
        """Whether a request with these cookies comes from somebody who has shown the token, if there is one."""
        if not self.token:
            return True
        try:
            morsel: Cookie[str] | None = SimpleCookie(cookies).get(_COOKIE)
        except CookieError:
            return False
        return morsel is not None and hmac.compare_digest(morsel.value.encode(), self.pass_value.encode())


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    reason: str


class Guard:
    """Stands in front of the application."""

    def __init__(self, app: Application, access: Access) -> None:
        self.app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = _headers_of(scope)
        refusal = refusal_of(self._access, scope, headers)
        if refusal is not None:
            await _refuse(scope, send, refusal)
        elif scope["path"] == LOGIN:
            await self._log_in(scope, send)
        elif not self._access.lets_in(headers.get("cookie", "")):
            await _refuse(scope, send, Refusal(401, "Open the link that `evolve ui` printed: it holds the token."))
        else:
            scope["headers"] = [pair for pair in scope["headers"] if not pair[0].startswith(b"x-forwarded-")]
            await self.app(scope, receive, send)

    async def _log_in(self, scope: Scope, send: Send) -> None:
        shown = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if not self._access.is_token(shown):
            await _refuse(scope, send, Refusal(401, "That is not the token of this dashboard."))
            return
        cookie = f"{_COOKIE}={self._access.pass_value}; Path=/; Max-Age={_WEEK_S}; HttpOnly; SameSite=Lax"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store"), *_HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def refusal_of(access: Access, scope: Scope, headers: dict[str, str]) -> Refusal | None:
    """Return why a request cannot be meant for this server, whoever sent it; None if it can."""
    host = headers.get("host", "")
    if not access.knows_name(_name_of(host)):
        return Refusal(421, f"This server does not go by the name {_name_of(host)!r}.")
    if not access.leads_somewhere(scope["path"]):
        return Refusal(404, "There is nothing here.")
    is_socket = scope["path"].startswith(SOCKET)
    if scope["type"] == "http" and scope["method"] not in (("GET", "HEAD", "POST") if is_socket else ("GET", "HEAD")):
        return Refusal(405, "Pages are only read.")
    if _is_cross_site(scope, headers, host, is_socket):
        return Refusal(403, "Another site's page may not ask this server.")
    return None


def _is_cross_site(scope: Scope, headers: dict[str, str], host: str, is_socket: bool) -> bool:
    """Links lead here from anywhere; all else must come from a page of this server, and sockets must prove it."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return True
    if scope["type"] == "websocket":
        return origin is None
    site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
    return site not in ("same-origin", "none") and (is_socket or mode != "navigate")


class Hardening:
    """Has an application answer with what tells browsers what a page may do. Stands before anything compresses."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self.app(scope, receive, _Hardened(send) if scope["type"] == "http" else send)


class _Hardened:
    """Adds the headers that tell browsers what a page may do, and the number that its own scripts carry."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: MutableMapping[str, Any] = {}
        self._page = bytearray()
        self._is_page = False
        self._nonce = secrets.token_urlsafe(16)

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._is_page = any(name == b"content-type" and b"text/html" in value for name, value in message["headers"])
            self._start = {**message, "headers": [*message["headers"], *_HEADERS, self._policy()]}
            if not self._is_page:
                await self._send(self._start)
        elif self._is_page and message["type"] == "http.response.body":
            self._page += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page()
        else:
            await self._send(message)

    async def _send_page(self) -> None:
        # what is shown is data in one of these scripts, in which NiceGUI writes "<" as "&lt;"
        body = bytes(self._page).replace(b"<script", b'<script nonce="' + self._nonce.encode() + b'"')
        headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _policy(self) -> tuple[bytes, bytes]:
        return b"content-security-policy", _POLICY.format(nonce=self._nonce).encode()


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"), *_HEADERS]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{refusal.reason}\n".encode()})


def _headers_of(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _name_of(host: str) -> str:
    """Return the name in a Host header, without port and brackets; nothing if it makes no sense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
