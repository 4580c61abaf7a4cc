"""attach, and runs whose controller works on a cluster."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from evolve import configuration, wiring
from evolve.cli.options import address, as_json, evaluation_data, json_option, run_argument, store_option
from evolve.cluster.controller_actor import Assignment, Snapshot
from evolve.cluster.edition import this_edition
from evolve.cluster.parcel import Shipment, pack
from evolve.controller.run import Parts, Result
from evolve.errors import ConfigurationError, EvolveError
from evolve.interfaces import RunInfo
from evolve.terminal import RunView, closing_page

if TYPE_CHECKING:
    from evolve.cluster.ray_controllers import Attached

_KEYS = "Ctrl+C detaches; the run goes on"


@click.command()
@run_argument
@store_option
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def attach(run: str, store: str, quiet: bool, json_: bool) -> None:
    """Watch RUN, whose controller works on a cluster, to its end. Ctrl+C detaches; the run goes on."""
    info = wiring.find_run(store, run)
    config: configuration.Config = {**info.config, "store": wiring.store_config(store)}
    if not wiring.is_detached(config):
        raise ConfigurationError(
            f"The controller of run {run!r} is no actor on a cluster (controller.detached=false): there is nothing to "
            f"attach to. `evolve show {run}` says how it stands."
        )
    parts = wiring.build(config)
    sys.exit(watch(parts, run, str(config["executor"]["address"]), quiet, json_))


def begin(config: configuration.Config, parts: Parts, info: RunInfo) -> None:
    """Hand a run to a controller on the cluster; return when it has begun.

    Raises EvolveError when it cannot begin: nothing was spent then.
    """
    from evolve.cluster.ray_controllers import Attached, check_store, start_controller
    from evolve.cluster.ray_link import connect

    executor = config["executor"]
    connect(executor["address"], executor["ship_code"])
    check_store(config["store"]["url"])
    parcel = pack(parts.problem)
    assignment = Assignment(
        edition=this_edition(),
        carry_on=wiring.carry_on,
        config=_from_anywhere(config),
        info=info,
        shipment=Shipment.of(parts.problem, parcel),
    )
    start_controller(assignment, parcel.data)
    asyncio.run(Attached(info.id, executor["address"]).until_begun())


def say_how_to_attach(run: str, json_: bool) -> None:
    """Print a run's name, and what can be done with it."""
    if json_:
        click.echo(as_json({"run": run, "status": "running"}))
    else:
        click.echo(f"{run} runs on the cluster.\n  evolve attach {run}\n  evolve pause {run}  (or stop, steer)")


def watch(parts: Parts, run: str, address: str, quiet: bool, json_: bool) -> int:
    """Show a run on the cluster until it ends or Ctrl+C detaches; return the exit code."""
    from evolve.cluster.ray_controllers import Attached

    view = RunView(Console(quiet=quiet or json_), parts.problem, parts.budget, run, keys=_KEYS)
    try:
        seen = asyncio.run(_to_end(Attached(run, address), view))
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo(f"\nDetached; the run goes on. Come back with: evolve attach {run}", err=True)
        return 0
    if seen.error:
        raise EvolveError(f"{seen.error}\nWhat was written is kept. Go on with: evolve resume {run}")
    if seen.result is None:
        click.echo(f"{run} had ended before. `evolve show {run}`")
        return 0
    _close(parts, seen.result, json_)
    return 0 if seen.result.status != "failed" else 1


async def _to_end(attached: Attached, view: RunView) -> Snapshot:
    await attached.until_begun()
    watching = asyncio.create_task(view.watch(attached))
    try:
        return await attached.until_ended()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _close(parts: Parts, result: Result, json_: bool) -> None:
    store = parts.open_store()
    try:
        best = store.program(result.run, result.best_step)
    finally:
        store.close()
    if json_:
        told = {"run": result.run, "status": result.status, "reason": result.reason}
        click.echo(as_json({**told, "best": {"step": result.best_step, **evaluation_data(result.best)}}))
    else:
        closing_page(Console(), parts.problem, parts.budget, result, best.files, address(result.run, parts.store))


def _from_anywhere(config: configuration.Config) -> configuration.Config:
    """Return a configuration whose store does not depend on the folder that a process is in."""
    url = str(config["store"]["url"])
    path = url.removeprefix("sqlite:///")
    if path == url:
        return config
    return {**config, "store": {**config["store"], "url": f"sqlite:///{Path(path).resolve()}"}}
