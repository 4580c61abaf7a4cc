"""The dashboard as an application: every page under its address, behind the guard; and how it is served."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from nicegui import app as _pages
from nicegui import ui
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request

from evolve.dashboard.asked import Asked
from evolve.dashboard.layout import Tab, frame, sorry
from evolve.dashboard.live import Board
from evolve.dashboard.pages import PLACES, Place
from evolve.dashboard.security import LOGIN, SOCKET, Access, Guard, Hardening, is_loopback
from evolve.errors import EvolveError

_STATIC: Final = Path(__file__).parent / "static"
_PATHS: Final = ("/favicon.ico", LOGIN, "/_nicegui/", SOCKET, "/static/", *(place.path for place in PLACES))
_MAIN: Final = tuple(Tab(place.path, place.label) for place in PLACES if place.label and not place.of_run)
_OF_RUN: Final = tuple(Tab(place.path, place.label) for place in PLACES if place.label and place.of_run)
_HEAD: Final = (
    '<link rel="stylesheet" href="/static/dashboard.css"><script src="/static/page.js"></script>'
    '<meta name="robots" content="noindex">'
)
_RECONNECT_S = 10.0
_PATIENCE_S = 30.0
_CLOSING_S = 2
_BACKLOG = 64


def application(board: Board, access: Access) -> Any:
    """Return the dashboard as an ASGI application. NiceGUI keeps pages for a whole process: one dashboard each."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _pages.add_static_files("/static", _STATIC, max_cache_age=3600)
    for place in PLACES:
        ui.page(place.path, response_timeout=_PATIENCE_S)(_page(board, place))
    ui.run_with(
        app,
        title="evolve",
        tailwind=False,
        language="en-US",
        reconnect_timeout=_RECONNECT_S,
        binding_refresh_interval=None,
        gzip_middleware_factory=None,
        show_welcome_message=False,
    )
    _pages.on_shutdown(board.close)
    hardened = Hardening(app)
    return Guard(hardened if is_loopback(access.host) else GZipMiddleware(hardened), access)


def access(host: str, token: str = "", names: frozenset[str] = frozenset()) -> Access:
    """Return who may come in to this dashboard. Raises ConfigurationError."""
    return Access(host=host, token=token, names=names, paths=_PATHS)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; port 0 takes one that is free. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.listen(_BACKLOG)
    return listening


def serve(app: Any, listening: socket.socket) -> None:
    """Answer until Ctrl+C."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_CLOSING_S,
        ws_max_size=1 << 20,
    )
    with suppress(KeyboardInterrupt):  # which uvicorn raises again when everything is closed
        uvicorn.Server(config).run(sockets=[listening])


def _page(board: Board, place: Place) -> Callable[[Request], Any]:
    async def draw(request: Request) -> None:
        ui.add_head_html(_HEAD)
        try:
            asked = Asked.of(request.query_params)
        except EvolveError as error:
            asked, reason = Asked(0, "", {}), str(error)
        else:
            reason = ""
        with frame(asked.run or place.label or place.path, place.path, _MAIN, _OF_RUN, asked):
            try:
                if reason:
                    sorry(reason)
                else:
                    await place.draw(board, asked)
            except EvolveError as error:
                sorry(str(error))

    return draw
