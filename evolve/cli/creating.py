"""new: a working problem folder, or a package with a plug-in, to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from evolve.errors import ConfigurationError
from evolve.paths import bundled
from evolve.plugins.writing import kinds, write_plugin


@click.command()
@click.argument("name")
@click.option(
    "--dir", "parent", default=".", type=click.Path(file_okay=False, path_type=Path), help="Where to write it."
)
@click.option("--plugin", "kind", type=click.Choice(kinds()), help="Write a package with something of this kind.")
def new(name: str, parent: Path, kind: str | None) -> None:
    """Write a working problem folder NAME, or a package with a plug-in, to start from."""
    if kind is not None:
        target = write_plugin(kind, name, parent)
        where = _path(target)
        click.echo(
            f"Wrote {target}. Next:\n  pip install -e '{where}[test]'\n  pytest {where}\n  evolve doctor  # lists it"
        )
        return
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ConfigurationError(f"{name!r} is no good folder name: use letters, digits, '-' and '_'.")
    target = parent / name
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another name or remove it.")
    shutil.copytree(bundled("problems") / "_template", target, ignore=shutil.ignore_patterns("__pycache__"))
    click.echo(f"Wrote {target}. Next:\n  evolve check {_path(target)}\n  evolve run problem={_path(target)}")


def _path(target: Path) -> str:
    return str(target) if target.is_absolute() else f"./{target}"
