"""store: what is done to a store as a whole."""

from __future__ import annotations

import click

from evolve.cli.copying import copy_
from evolve.cli.keeping import import_, prune, size


@click.group()
def store() -> None:
    """Copy and import runs, give up what takes room, say what takes it."""


for command in (copy_, import_, prune, size):
    store.add_command(command)
