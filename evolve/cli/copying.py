"""store copy: runs move from one store to another."""

from __future__ import annotations

from contextlib import closing

import click

from evolve import wiring
from evolve.cli.options import as_json, json_option
from evolve.errors import ConfigurationError, NotFound, nearest
from evolve.store.address import public
from evolve.store.copying import copy_run


@click.command("copy")
@click.argument("source")
@click.argument("target")
@click.argument("runs", nargs=-1)
@json_option
def copy_(source: str, target: str, runs: tuple[str, ...], json_: bool) -> None:
    """Copy RUNS, or all runs, from the store SOURCE to TARGET, and compare them then.

    Both are URLs: evolve store copy sqlite:///runs/evolve.db postgresql://me@host/evolve

    A run that TARGET has already is compared, and never overwritten. What was interrupted can be repeated.
    """
    if source == target:
        raise ConfigurationError("Source and target are the same store.")
    with closing(wiring.open_existing(source)) as here:
        known = [info.id for info in reversed(here.runs())]
        for run in runs:
            if run not in known:
                raise NotFound(f"{public(source)} has no run {run!r}. {nearest(run, known)}")
        with closing(wiring.open_store({"store": wiring.store_config(target)})) as there:
            for run in runs or known:
                became = copy_run(here, there, run).value
                click.echo(as_json({"run": run, "became": became}) if json_ else f"{run}: {became}")
