"""skill: a folder that teaches an assistant."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.skill import FOLDER, install


@click.command()
@click.option(
    "--install",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the assistant's skills, such as ~/.claude/skills; `evolve` is made in it.",
)
def skill(folder: Path | None) -> None:
    """Write the skill that teaches an assistant to set up a problem, check it, and start, watch and explain a run.

    Without --install, print it.
    """
    if folder is None:
        click.echo((FOLDER / "SKILL.md").read_text("utf-8"), nl=False)
        return
    click.echo(f"Wrote {install(folder.expanduser())}.")
