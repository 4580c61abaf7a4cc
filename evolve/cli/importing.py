"""import: a problem folder from a task of another system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evolve.cli.options import say
from evolve.domain.objective import Direction
from evolve.errors import ConfigurationError
from evolve.importing.kinds import recognise
from evolve.importing.writing import write_problem


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; ./NAME-problem unless given.")
@click.option("--objective", "objectives", multiple=True, metavar="NAME=maximize|minimize", help="What counts.")
@click.option("--command", default="", help="A command that scores the folder and prints an object of numbers as JSON.")
@click.option("--program", "programs", multiple=True, metavar="FILE", help="With --command: a file that may change.")
def import_(path: Path, out: Path | None, objectives: tuple[str, ...], command: str, programs: tuple[str, ...]) -> None:
    """Make a problem folder of PATH; its evaluator runs unchanged, in the sandbox.

    PATH is an OpenEvolve folder (initial_program.*, evaluator.py), a ShinkaEvolve folder (initial.*, evaluate.py), a
    Python file with EVOLVE-BLOCK comments and a function evaluate, or with --command any folder.
    """
    if programs and not command:
        raise ConfigurationError("--program says what a command scores: it needs --command.")
    peer = recognise(path, command, programs)
    target = out or Path(f"{path.resolve().stem}-problem")
    problem = write_problem(peer, target, _directions(objectives))
    say(problem.isolation.caveat)
    where = target if target.is_absolute() else f"./{target}"
    click.echo(f"Wrote {target} ({peer.kind}). Next:\n  evolve check {where}\n  evolve run problem={where}")


def _directions(pairs: Sequence[str]) -> dict[str, Direction]:
    chosen = {}
    for pair in pairs:
        name, _, direction = pair.rpartition("=")
        if not name or direction not in tuple(Direction):
            raise ConfigurationError(f"--objective {pair!r}: expected NAME=maximize or NAME=minimize.")
        chosen[name] = Direction(direction)
    return chosen
