"""completion: what makes a shell complete commands, settings and names."""

from __future__ import annotations

from pathlib import Path

import click

_SCRIPTS = {"bash": "bash.sh", "zsh": "zsh.sh", "fish": "fish.fish"}


@click.command()
@click.argument("shell", type=click.Choice(tuple(_SCRIPTS)))
def completion(shell: str) -> None:
    """Print the script for a shell; its first lines say where it goes."""
    click.echo((Path(__file__).parent / "completions" / _SCRIPTS[shell]).read_text("utf-8"), nl=False)
