"""store import, prune, size: bringing exported runs back, and what runs take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from evolve import wiring
from evolve.bundles.trust import OPENED
from evolve.cli.looking import opened_store
from evolve.cli.options import as_json, json_option, run_argument, say, store_option
from evolve.cli.sharing import as_option, made_store, trust_option
from evolve.controller.retention import prunable_steps
from evolve.errors import ConfigurationError
from evolve.interfaces import Prunable, RunInfo, Size, Store
from evolve.store.holder import this_holder
from evolve.store.importing import import_folder
from evolve.terminal import table_of

_LEASE_S = 3600.0


@click.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@as_option
@trust_option
@store_option
@json_option
def import_(folder: Path, name: str | None, trust: bool, store: str, json_: bool) -> None:
    """Take in what `evolve export --format jsonl --out FOLDER` wrote."""
    origin = {} if trust else {OPENED: {"export": str(folder), "trusted": False}}
    with made_store(store) as opened:
        info = import_folder(opened, folder, run=name, provenance=origin)
    click.echo(
        as_json({"run": info.id}) if json_ else f"Imported run {info.id}. Look at it with: evolve show {info.id}"
    )


@click.command()
@run_argument
@click.option("--prompts", is_flag=True, help="Give up prompts; a replay makes them again.")
@click.option("--answers", is_flag=True, help="Give up what models answered; those attempts cannot be replayed.")
@click.option("--artifacts", is_flag=True, help="Give up files that judges attached.")
@click.option(
    "--keep-elites", is_flag=True, help="Not of attempts that ever had a place in the archive, nor of the seed."
)
@click.option("--keep-last", type=click.IntRange(0), default=0, help="Not of so many attempts that were told last.")
@click.option(
    "--reclaim", is_flag=True, help="Give the space back to the system; takes a while and needs room for a copy."
)
@store_option
@json_option
def prune(
    run: str,
    prompts: bool,
    answers: bool,
    artifacts: bool,
    keep_elites: bool,
    keep_last: int,
    reclaim: bool,
    store: str,
    json_: bool,
) -> None:
    """Give up, for good, some of what RUN keeps. Programs, scores, lineage and costs always stay."""
    flags = {Prunable.PROMPTS: prompts, Prunable.ANSWERS: answers, Prunable.ARTIFACTS: artifacts}
    what = [kind for kind, wanted in flags.items() if wanted]
    if not what and not reclaim:
        raise ConfigurationError("Nothing to give up was named: --prompts, --answers, --artifacts.")
    wiring.find_run(store, run)
    with opened_store(store) as opened:
        steps = prunable_steps(opened, run, keep_elites=keep_elites, keep_last=keep_last) if what else []
        before, after = _pruned(opened, run, what, steps)
        freed = opened.reclaim() if reclaim else None
    told = {
        "run": run,
        "steps": len(steps),
        "before": dict(before.bytes),
        "after": dict(after.bytes),
        "reclaimed": freed,
    }
    if json_:
        click.echo(as_json(told))
        return
    gone = {kind: before.bytes[kind] - after.bytes[kind] for kind in map(str, what)}
    click.echo(
        f"{len(steps)} attempts of {run} gave up: {', '.join(f'{k} {_mib(n)}' for k, n in gone.items()) or 'nothing'}."
    )
    click.echo(f"Given back to the system: {_mib(freed)}." if freed is not None else "--reclaim gives the space back.")


@click.command()
@click.argument("run", required=False)
@store_option
@json_option
def size(run: str | None, store: str, json_: bool) -> None:
    """Say what RUN, or each run of the store, takes: bytes per program by kind."""
    with opened_store(store) as opened:
        infos = [info for info in opened.runs() if run in (None, info.id)]
        if run is not None and not infos:
            wiring.find_run(store, run)
        sizes = [(info, opened.size(info.id)) for info in infos]
    if json_:
        for info, found in sizes:
            click.echo(as_json({"run": info.id, **asdict(found), "bytes_per_program": _per_program(found)}))
        return
    rows = [_row(info, found) for info, found in sizes]
    say("Bytes per program, as kept; rows and indices of all runs together are shared out by attempts.")
    Console().print(table_of(rows, tuple(rows[0])) if rows else "No runs.")


def _pruned(store: Store, run: str, what: Sequence[Prunable], steps: Sequence[int]) -> tuple[Size, Size]:
    """Prune under the run's lease; return what it took before and after. Raises StoreLocked while it is at work."""
    before = store.size(run)
    info = store.run(run)
    lease = store.acquire(run, this_holder(), _LEASE_S)
    try:
        store.prune(lease, what, steps)
    finally:
        store.release(lease, info.elapsed_s, info.status)
    return before, store.size(run)


def _per_program(size: Size) -> Mapping[str, float]:
    programs = max(size.counts["programs"], 1)
    return {kind: round(taken / programs, 1) for kind, taken in size.bytes.items()}


def _row(info: RunInfo, size: Size) -> dict[str, object]:
    each = _per_program(size)
    total = sum(size.bytes.values())
    return {
        "run": info.id,
        "programs": size.counts["programs"],
        **each,
        "all": round(sum(each.values())),
        "MiB": _mib(total),
    }


def _mib(taken: int) -> str:
    return f"{taken / (1 << 20):.2f} MiB"
