"""The long chaos run: ``python -m tests.chaos --kills 200``, over SQLite and PostgreSQL by turns."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from evolve.terminal import table_of
from tests.chaos.campaign import KILLS_OF_A_LIFE, Kill, Life, Tally, live, planned
from tests.chaos.controllers import Nursery
from tests.chaos.scene import staged
from tests.postgres import Server, newest_binaries, running_server

_STORES = ("sqlite", "postgresql")


@click.command()
@click.option("--kills", default=200, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--stores", default=",".join(_STORES), show_default=True, help="Some of these.")
@click.option("--seed", default=0, show_default=True, help="Of what is killed when.")
@click.option("--limit-s", default=1200, show_default=True, help="Seconds after which no further run is begun.")
def main(kills: int, stores: str, seed: int, limit_s: int) -> None:
    """Kill, resume, compare; print a table. Exit code 1 with complaints, or if too few kills were made."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and files are taken away
    names = [name.strip() for name in stores.split(",")]
    began = time.monotonic()
    tallies = {name: Tally() for name in names}
    rng = np.random.default_rng(seed)
    shares = [kills // len(names) + (number < kills % len(names)) for number in range(len(names))]
    plans = {
        name: planned(share, rng, database=name == "postgresql") for name, share in zip(names, shares, strict=True)
    }
    try:
        _live_all(plans, tallies, limit_s)
    finally:  # interrupted or not: what was seen by then is worth seeing
        done = sum(tally.kills.total() for tally in tallies.values())
        _print(tallies, done, time.monotonic() - began)
    clean = not any(tally.complaints for tally in tallies.values())
    sys.exit(0 if clean and done >= kills * 9 // 10 else 1)


def _live_all(plans: dict[str, list[list[Kill]]], tallies: dict[str, Tally], limit_s: float) -> None:
    """Have the planned runs live and die, one store after the other, until it is too late to begin another."""
    began = time.monotonic()
    with ExitStack() as stack:
        server = stack.enter_context(_database_server()) if "postgresql" in plans else None
        nursery = stack.enter_context(_nursery())
        for number in range(max(len(plan) for plan in plans.values())):
            for name, plan in plans.items():
                if number < len(plan) and time.monotonic() - began < limit_s:
                    _live(nursery, server if name == "postgresql" else None, plan[number], tallies[name], number)
                    passed_s = time.monotonic() - began
                    click.echo(f"{passed_s:.0f} s: {name}, run {number + 1} of {len(plan)}", err=True)


@contextmanager
def _nursery() -> Iterator[Nursery]:
    folder = Path(tempfile.mkdtemp(prefix="evolve-chaos-"))
    try:
        with Nursery(folder) as nursery:
            yield nursery
    finally:
        shutil.rmtree(folder)


@contextmanager
def _database_server() -> Iterator[Server]:
    binaries = newest_binaries()
    if binaries is None:
        raise click.ClickException("There is no PostgreSQL server here: infra/postgres.sh, or --stores sqlite.")
    with running_server(binaries) as server:
        yield server


def _live(nursery: Nursery, server: Server | None, kills: list[Kill], tally: Tally, seed: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="evolve-chaos-"))
    name = server.create_database() if server is not None else ""
    try:
        with staged(folder, server.url(name) if server is not None else "", seed) as scene:
            live(Life(scene, nursery, server), kills, tally)
    finally:
        if server is not None:
            server.start()
            server.drop_database(name)
        shutil.rmtree(folder)


def _print(tallies: dict[str, Tally], done: int, seconds: float) -> None:
    rows = []
    for store, tally in tallies.items():
        for name in sorted(set(tally.kills) | set(tally.missed) | set(tally.complaints)):
            found = tally.complaints.get(name, [])
            rows.append(
                {"store": store, "killed": name, "kills": tally.kills[name], "missed": tally.missed[name],
                 "findings": len(found)}
            )  # fmt: skip
    Console(width=120).print(table_of(rows, ("store", "killed", "kills", "missed", "findings")))
    for store, tally in tallies.items():
        click.echo(
            f"{store}: {tally.kills.total()} kills, {tally.missed.total()} moments that did not come, "
            f"{tally.evaluations} evaluations and {tally.answers} paid answers on record, "
            f"{tally.lost_answers} answers lost on their way to a dead controller, "
            f"{tally.crashes} programs blamed for a killed process, "
            f"{sum(map(len, tally.complaints.values()))} findings"
        )
        for name, found in tally.complaints.items():
            for words in found:
                click.echo(f"  {name}: {words}")
    click.echo(f"{done} kills in {seconds:.0f} s, in runs of up to {KILLS_OF_A_LIFE}")


if __name__ == "__main__":
    main()
