"""config: what is set, and from where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from evolve import catalogue, this_machine
from evolve.cli.options import as_json, json_option
from evolve.configuration import composing
from evolve.errors import ConfigurationError, nearest
from evolve.setting_origins import DEFAULT, Setting, heading, plain, settings_with_origins

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_NO_PROBLEM = "none"


@click.command()
@click.argument("words", nargs=-1)
@click.option("--config-dir", type=_FOLDER, help="A folder of yours with more conf/ options.")
@click.option("--changed", is_flag=True, help="Only what is not as by default.")
@json_option
def config(words: tuple[str, ...], config_dir: Path | None, changed: bool, json_: bool) -> None:
    """Show what a run would be set to, and from where: evolve config search=greedy budget.wall_s=60

    A word without '=' names a group, whose options are listed (evolve config search), or the beginning of the
    settings to show (evolve config mutation.bandit).
    """
    overrides = [word for word in words if "=" in word]
    names = [word for word in words if "=" not in word]
    listed = [name for name in names if name in catalogue.groups()]
    if listed:
        _list_options(listed, json_)
        return
    settings = _settings(overrides, config_dir)
    shown = [setting for setting in settings if _is_below(setting.key, names)]
    if not shown:
        known = {*catalogue.groups(), *catalogue.known_keys()}
        raise ConfigurationError(f"There is no setting or group {names[0]!r}. {nearest(names[0], known)}")
    _print([setting for setting in shown if not changed or setting.source != DEFAULT], json_)


def _is_below(key: str, names: Sequence[str]) -> bool:
    return not names or any(key == name or key.startswith(f"{name}.") for name in names)


def _settings(overrides: Sequence[str], config_dir: Path | None) -> list[Setting]:
    chosen = dict.fromkeys(this_machine.sandbox_of_this_machine(overrides), "this machine")
    if os.environ.get("EVOLVE_SANDBOX"):
        chosen = dict.fromkeys(chosen, "environment: EVOLVE_SANDBOX")
    keys = [part.lstrip("+~").partition("=")[0] for part in composing(overrides)]
    if "problem" not in keys:
        chosen[f"problem={_NO_PROBLEM}"] = "not set"
    settings = settings_with_origins(overrides, config_dir, chosen)
    if "problem" in keys:
        return settings
    return [Setting("problem", None, "not set", "", s.comment) if s.key == "problem" else s for s in settings]


def _print(settings: Sequence[Setting], json_: bool) -> None:
    if json_:
        click.echo(as_json([asdict(setting) for setting in settings]))
        return
    for setting in settings:
        said = f"  # {setting.comment}" if setting.comment else ""
        where = f" ({setting.file})" if setting.file and setting.source != DEFAULT else ""
        click.echo(f"{setting.key}: {plain(setting.value)}  [{setting.source}{where}]{said}")


def _list_options(groups: Sequence[str], json_: bool) -> None:
    rows = [
        {"group": path.parent.name, "option": path.stem, "says": heading(path), "from": shelf.owner}
        for shelf in catalogue.shelves()
        for path in catalogue.options_on(shelf)
        if path.parent.name in groups
    ]
    if json_:
        click.echo(as_json(rows))
        return
    width = max(len(f"{row['group']}={row['option']}") for row in rows)
    for row in rows:
        of = "" if row["from"] == catalogue.shelves()[0].owner else f"  [plug-in {row['from']}]"
        click.echo(f"{row['group'] + '=' + row['option']:<{width}}  {row['says']}{of}")
