"""store: what is done to a store as a whole."""

from __future__ import annotations

import click

from evolve.cli.copying import copy_


@click.group()
def store() -> None:
    """Copy runs between stores."""


for command in (copy_,):
    store.add_command(command)
