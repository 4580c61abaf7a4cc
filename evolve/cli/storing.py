"""store: what is done to a store as a whole."""

from __future__ import annotations

import click

from evolve.cli.keeping import import_, prune, size


@click.group()
def store() -> None:
    """Import runs, give up what takes room, say what takes it."""


for command in (import_, prune, size):
    store.add_command(command)
