"""Who may ask the dashboard for what: each defence beside the request that it is for."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from evolve.dashboard.security import LOGIN, Access, Guard, Hardening, new_token, refusal_of
from evolve.errors import ConfigurationError

TOKEN = "a-token-that-is-long-enough"
PATHS = ("/", "/run", "/static/", "/_nicegui_ws/", LOGIN)
HERE = Access("127.0.0.1", paths=PATHS)
OUT = Access("0.0.0.0", TOKEN, paths=PATHS)


def scope(
    path: str = "/", method: str = "GET", kind: str = "http", query: bytes = b"", **headers: str
) -> dict[str, Any]:
    told = {"host": "localhost:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode()) for name, value in told.items()]
    return {"type": kind, "path": path, "method": method, "query_string": query, "headers": pairs}


def status(access: Access, request: dict[str, Any]) -> int | None:
    headers = {name.decode(): value.decode() for name, value in request["headers"]}
    refusal = refusal_of(access, request, headers)
    return refusal.status if refusal is not None else None


async def answer(access: Access, request: dict[str, Any], page: bytes = b"text") -> list[MutableMapping[str, Any]]:
    """Return what is sent for a request when the application sends a page."""
    sent: list[MutableMapping[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        kind = b"text/html; charset=utf-8" if page.startswith(b"<") else b"text/plain"
        headers = [(b"content-type", kind), (b"content-length", str(len(page)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:5], "more_body": True})
        await send({"type": "http.response.body", "body": page[5:]})

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("nothing is read")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await Guard(Hardening(application), access)(request, receive, send)
    return sent


def header(sent: list[MutableMapping[str, Any]], name: str) -> str:
    return str(next(value.decode() for key, value in sent[0]["headers"] if key.decode() == name))


# ── names ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1:8765", "[::1]:8765"])
def test_a_server_on_loopback_goes_by_the_names_of_this_machine(host: str) -> None:
    assert status(HERE, scope(host=host)) is None


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "localhost.evil.example", "10.0.0.7", "", "[::1", "evil@localhost."]
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    assert status(HERE, scope(host=host)) == 421


def test_elsewhere_it_goes_by_numbers_and_the_names_it_was_given() -> None:
    access = Access("0.0.0.0", TOKEN, frozenset({"lab"}), PATHS)
    assert status(access, scope(host="10.0.0.7:8765")) is None
    assert status(access, scope(host="lab:8765")) is None
    assert status(access, scope(host="evil.example")) == 421


# ── other sites ───────────────────────────────────────────────────────────────────────────────
def test_links_lead_here_from_anywhere() -> None:
    assert status(HERE, scope(sec_fetch_site="cross-site", sec_fetch_mode="navigate")) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"},
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:9999"},
        {"origin": "null"},
    ],
)
def test_what_another_sites_page_asks_for_is_refused(headers: dict[str, str]) -> None:
    assert status(HERE, scope("/static/dashboard.css", "GET", "http", b"", **headers)) == 403


@pytest.mark.parametrize("origin", [{"origin": "http://evil.example"}, {"origin": "http://localhost:1"}, {}])
async def test_a_socket_must_prove_that_its_page_is_from_here(origin: dict[str, str]) -> None:
    (closed,) = await answer(HERE, scope("/_nicegui_ws/socket.io", "GET", "websocket", b"", **origin))
    assert closed["type"] == "websocket.close"


async def test_a_socket_of_a_page_from_here_is_accepted() -> None:
    request = scope("/_nicegui_ws/socket.io", kind="websocket", origin="http://localhost:8765")
    assert await answer(HERE, request) == [{"type": "websocket.accept"}]


def test_polling_for_a_socket_is_refused_to_other_sites_even_as_a_visit() -> None:
    request = scope("/_nicegui_ws/socket.io", sec_fetch_site="cross-site", sec_fetch_mode="navigate")
    assert status(HERE, request) == 403


# ── paths and methods ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..", "/docs", "/openapi.json", "/static/..\\app.py", "/run/", "/static/\0", "//run"],
)
def test_paths_that_lead_nowhere_or_out_are_refused(path: str) -> None:
    assert status(HERE, scope(path)) == 404


@pytest.mark.parametrize(
    ("path", "method"), [("/run", "POST"), ("/", "DELETE"), ("/static/x.css", "PUT"), (LOGIN, "POST")]
)
def test_pages_are_only_read(path: str, method: str) -> None:
    assert status(HERE, scope(path, method)) == 405


# ── the token ─────────────────────────────────────────────────────────────────────────────────
def test_elsewhere_takes_a_token_and_a_long_one() -> None:
    with pytest.raises(ConfigurationError, match="takes a token"):
        Access("0.0.0.0")
    with pytest.raises(ConfigurationError, match="at least 16"):
        Access("0.0.0.0", "short")
    assert Access("0.0.0.0", new_token()).token != new_token()


@pytest.mark.parametrize("cookie", ["", "evolve_ui=", f"evolve_ui={TOKEN}", "evolve_ui=ö", "=;;,"])
async def test_without_the_token_nothing_is_shown(cookie: str) -> None:
    for path in ("/", "/run", "/static/dashboard.css"):
        sent = await answer(OUT, scope(path, cookie=cookie) if cookie.isascii() else scope(path))
        assert sent[0]["status"] == 401
    (closed,) = await answer(OUT, scope("/_nicegui_ws/", kind="websocket", origin="http://localhost:8765", cookie="x"))
    assert closed["type"] == "websocket.close"


async def test_the_token_is_exchanged_for_a_cookie_that_does_not_tell_it() -> None:
    sent = await answer(OUT, scope(LOGIN, query=f"token={TOKEN}".encode()))
    cookie = header(sent, "set-cookie")
    assert (sent[0]["status"], header(sent, "location")) == (303, "/")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and TOKEN not in cookie
    shown = await answer(OUT, scope(cookie=cookie.partition(";")[0]))
    assert shown[0]["status"] == 200


@pytest.mark.parametrize("query", [b"", b"token=", b"token=wrong", b"token=%C3%B6"])
async def test_a_wrong_token_is_refused(query: bytes) -> None:
    assert (await answer(OUT, scope(LOGIN, query=query)))[0]["status"] == 401
    assert (await answer(HERE, scope(LOGIN, query=query)))[0]["status"] == 401


# ── what pages may do ─────────────────────────────────────────────────────────────────────────
async def test_only_scripts_with_the_number_of_their_page_run() -> None:
    sent = await answer(HERE, scope(), b"<html><script>one()</script><script src='/x.js'></script></html>")
    policy = header(sent, "content-security-policy")
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert sent[1]["body"].count(f'<script nonce="{nonce}"'.encode()) == 2
    assert int(header(sent, "content-length")) == len(sent[1]["body"])
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert "unsafe-inline" not in scripts and "default-src 'none'" in policy
    again = await answer(HERE, scope(), b"<html></html>")
    assert nonce not in header(again, "content-security-policy")


async def test_what_is_no_page_is_sent_as_it_is() -> None:
    sent = await answer(HERE, scope("/static/theme.js"), b"let x = '<script'")
    assert b"".join(part["body"] for part in sent[1:]) == b"let x = '<script'"
    assert header(sent, "x-content-type-options") == "nosniff"


async def test_what_a_proxy_could_have_said_is_not_believed() -> None:
    request = scope(x_forwarded_prefix="/evil", x_forwarded_host="evil.example")
    await answer(HERE, request)
    assert not [name for name, _ in request["headers"] if name.startswith(b"x-forwarded")]
