"""worker: judging for a run on another machine."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from evolve import configuration, this_machine, wiring
from evolve.cli.judging import set_option
from evolve.cli.options import as_json, json_option, say
from evolve.cluster.credentials import TOKEN_VARIABLE, client_context, worker_token
from evolve.cluster.hub_client import HubClient
from evolve.cluster.hub_messages import Amounts
from evolve.cluster.hub_worker import Habits, HubWorker
from evolve.cluster.warm_judges import WarmJudges
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError
from evolve.interfaces import Executor

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--connect", "url", required=True, metavar="URL", help="Where the hub listens, as it prints it.")
@click.option("--token-file", type=FILE, help=f"Holds the hub's token. ${TOKEN_VARIABLE} works too.")
@click.option("--token", help="The token itself; other users of this machine can see it.")
@click.option("--ca", type=FILE, help="The only certificates to trust, in PEM format: a hub's own, if self-signed.")
@click.option("--insecure", is_flag=True, help="Allow http:// to another machine: something else encrypts.")
@click.option("--slots", type=click.IntRange(min=1), help="Evaluations at once; one for each core unless given.")
@click.option("--cpus", type=click.FloatRange(min=0), help="Processors for all of them; the cores unless given.")
@click.option("--gpus", type=click.FloatRange(min=0), default=0.0, show_default=True, help="GPUs for all of them.")
@click.option("--memory-mb", type=click.FloatRange(min=0), help="Memory for all of them; the machine's unless given.")
@click.option("--resource", "resources", multiple=True, metavar="NAME=AMOUNT", help="What else stages may ask for.")
@click.option("--name", default=None, help="For people; the machine's name and the process id unless given.")
@click.option(
    "--cache", type=click.Path(file_okay=False, path_type=Path), help="Keeps problem folders between workers."
)
@click.option("--idle-exit-s", type=click.FloatRange(min=0), help="End after so long without an evaluation.")
@click.option(
    "--drain-s",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="How long evaluations may take to finish after SIGTERM; then they are given back. A second one: at once.",
)
@set_option
@json_option
def worker(
    url: str,
    token_file: Path | None,
    token: str | None,
    ca: Path | None,
    insecure: bool,
    slots: int | None,
    cpus: float | None,
    gpus: float,
    memory_mb: float | None,
    resources: tuple[str, ...],
    name: str | None,
    cache: Path | None,
    idle_exit_s: float | None,
    drain_s: float,
    overrides: tuple[str, ...],
    json_: bool,
) -> None:
    """Judge programs for the run at URL, in sandboxes of this machine, until told to end.

    The run is one with executor=hub. Its judge runs here: connect only to hubs that you trust.
    """
    cores = configuration.usable_cores()
    slots = slots or cores
    capacity = Amounts(
        cpus=float(cores) if cpus is None else cpus,
        gpus=gpus,
        memory_mb=_memory_mb() if memory_mb is None else memory_mb,
        custom=_amounts(resources),
    )
    settings = [*this_machine.sandbox_of_this_machine(overrides), *overrides]
    habits = Habits(
        name=name or f"{platform.node()}:{os.getpid()}",
        slots=slots,
        capacity=capacity,
        sandbox=_sandbox(settings),
        idle_exit_s=idle_exit_s,
        drain_s=drain_s,
    )
    shown = worker_token(token, token_file)
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    with tempfile.TemporaryDirectory(prefix="evolve-worker-") as folder:
        kept = cache or Path(folder)

        def make_executor(problem: Problem) -> Executor:
            return _executor(problem, settings, slots)

        async def work() -> int:
            client = HubClient(url, shown, client_context(ca), insecure=insecure)
            return await _work(client, WarmJudges(client.parcel, kept, make_executor), habits)

        judged = asyncio.run(work())
    click.echo(as_json({"judged": judged}) if json_ else f"Judged {judged} programs.")


async def _work(client: HubClient, judges: WarmJudges, habits: Habits) -> int:
    one = HubWorker(client, judges, habits, np.random.default_rng())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, one.drain)
    await one.run()
    return one.judged


def _executor(problem: Problem, overrides: Sequence[str], slots: int) -> Executor:
    here = ["executor=local", f"executor.width={slots}", "executor.spares=0", "executor.retries=1"]
    folder = f"problem={configuration.quoted(str(problem.folder))}"
    return wiring.build_executor(this_machine.configure_here([folder, *here, *overrides], say), problem)


def _sandbox(settings: Sequence[str]) -> str:
    """Return the kind of sandbox that settings choose."""
    return next(s.partition("=")[2] for s in reversed(settings) if s.lstrip("+").startswith("sandbox="))


def _amounts(pairs: Sequence[str]) -> dict[str, float]:
    amounts = {}
    for pair in pairs:
        name, _, amount = pair.partition("=")
        try:
            amounts[name] = float(amount)
        except ValueError:
            raise ConfigurationError(f"--resource {pair}: expected NAME=AMOUNT, such as fast_disk=1.") from None
    return amounts


def _memory_mb() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20)
