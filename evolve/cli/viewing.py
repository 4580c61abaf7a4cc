"""ui: the dashboard."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path

import click

from evolve.cli.options import say
from evolve.errors import ConfigurationError
from evolve.store.address import DEFAULT_STORE, usual_store


@click.command()
@click.option(
    "--store",
    "stores",
    multiple=True,
    show_default=f"$EVOLVE_STORE or {DEFAULT_STORE}",
    help="URL of a store; may be repeated.",
)
@click.option("--port", default=8765, show_default=True, help="0 takes one that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Elsewhere than on loopback it asks for a token.")
@click.option("--name", "names", multiple=True, help="A further name that the server is called by; may be repeated.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask for the token in this file; without it one is made up where one is needed.",
)
def ui(stores: tuple[str, ...], port: int, host: str, names: tuple[str, ...], token_file: Path | None) -> None:
    """Show the runs of a store in a browser, live while they run. Ctrl+C ends the dashboard, not the runs."""
    if find_spec("nicegui") is None:
        raise ConfigurationError("The dashboard takes packages that are not installed: pip install 'evolve-search[ui]'")
    from evolve.dashboard import app as dashboard
    from evolve.dashboard.live import Board
    from evolve.dashboard.security import LOGIN, is_loopback, new_token

    token = token_file.read_text().strip() if token_file is not None else "" if is_loopback(host) else new_token()
    if token_file is not None and not token:
        raise ConfigurationError(f"{token_file} holds no token.")
    access = dashboard.access(host, token, frozenset(names))
    board = Board(stores or (usual_store(),))
    with _bound(host, port) as listening:
        where = _address(host, listening.getsockname()[1])
        say(f"{where}{LOGIN}?token={token}" if token and token_file is None else where)
        say("Ctrl+C ends the dashboard; runs go on.")
        dashboard.serve(dashboard.application(board, access), listening)


def _bound(host: str, port: int) -> socket.socket:
    from evolve.dashboard.app import bound

    try:
        return bound(host, port)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host}, port {port}: {error.strerror}. Try --port 0.") from error


def _address(host: str, port: int) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
