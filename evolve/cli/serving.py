"""mcp: a server for assistants."""

from __future__ import annotations

import click

from evolve.cli.options import store_option
from evolve.errors import ConfigurationError


@click.command()
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="WHAT",
    help="Also allow new (write problem folders), check (run judges), start (begin runs), steer; several with commas.",
)
@click.option("--allow-write", is_flag=True, help="Allow all of these.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of every run that is started, such as a budget.",
)
@store_option
def mcp(allowed: tuple[str, ...], allow_write: bool, settings: tuple[str, ...], store: str) -> None:
    """Serve assistants that speak the Model Context Protocol, over standard input and output.

    Without --allow they can look at problems and runs, and change nothing.
    """
    try:
        from evolve.mcp.server import make_server
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error}: `evolve mcp` needs the extra, pip install 'evolve-search[mcp]'.") from error
    from evolve.mcp.commands import Commands
    from evolve.mcp.tools import Grant, Tools

    names = [name for part in allowed for name in part.split(",")]
    unknown = [name for name in names if name not in list(Grant)]
    if unknown:
        raise ConfigurationError(f"--allow {unknown[0]}: expected some of {', '.join(Grant)}.")
    grants = frozenset(Grant) if allow_write else frozenset(map(Grant, names))
    make_server(Tools(Commands(store, settings)), grants).run("stdio")
