"""bench: measuring the machinery."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from evolve.bench import machinery, sandboxes, soak
from evolve.bench.holdings import Holdings
from evolve.bench.problem_runs import run_seeds
from evolve.bench.prompts import prompts
from evolve.cli.options import as_json, json_option
from evolve.terminal import table_of

_SPREAD: dict[str, Callable[[list[float]], float]] = {"min": min, "median": statistics.median, "max": max}
PYTHON = click.Path(exists=True, dir_okay=False, path_type=Path)
ENOUGH = click.IntRange(min=600)  # rates are taken over the last hundred before 500 and before the end
_HELD = ("held", *(column.name for column in fields(Holdings)))
_COUNTS = ("outcome", "programs")
PARTS = ("reference", "keyless", "model", "startup", "utilisation", "prompts")


@click.group()
def bench() -> None:
    """Measure the machinery. Compare figures of one invocation with each other, not across machines."""


@bench.command("machinery")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only these; all unless given.")
@click.option("--programs", default=5000, show_default=True, type=ENOUGH, help="Evaluations of the keyless run.")
@click.option(
    "--model-programs", default=1000, show_default=True, type=ENOUGH, help="Evaluations of the run with a model."
)
@click.option("--openevolve", "peer", type=PYTHON, help="Python of an environment with openevolve, to compare with.")
@json_option
def machinery_(parts: tuple[str, ...], programs: int, model_programs: int, peer: Path | None, json_: bool) -> None:
    """Rates, processor time, start-up and utilisation with a judge that costs nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        measures: dict[str, Callable[[], list[machinery.Figure]]] = {
            "reference": machinery.reference,
            "keyless": lambda: machinery.keyless(programs, folder),
            "model": lambda: machinery.with_model(model_programs, folder),
            "startup": lambda: machinery.startup(folder),
            "utilisation": lambda: [f for width in (8, 16) for f in machinery.utilisation(width, 40 * width, folder)],
            "prompts": prompts,
        }
        if peer is not None:
            measures["openevolve"] = lambda: machinery.peer(peer, model_programs)
        for name, measure in measures.items():
            if not parts or name in parts or name == "openevolve":
                _print(measure(), json_)


@bench.command("problem")
@click.argument("problem")
@click.argument("overrides", nargs=-1)
@click.option("--seeds", default=5, show_default=True, help="How many runs, with seeds 1, 2, 3, ...")
@click.option("--against", default="seed", show_default=True, help="A baseline of the problem, or its seed program.")
@json_option
def problem_(problem: str, overrides: tuple[str, ...], seeds: int, against: str, json_: bool) -> None:
    """Run PROBLEM with several seeds: evolve bench problem bin_packing budget.wall_s=120 --against best_fit"""
    rows = []
    for result in run_seeds([f"problem={problem}", *overrides], range(1, seeds + 1), against):
        rows.append(asdict(result))
        if json_:
            click.echo(as_json(rows[-1]))
    summary = {name: pick([row["ratio"] for row in rows]) for name, pick in _SPREAD.items()}
    if json_:
        click.echo(as_json({f"ratio_to_{against}": summary}))
        return
    Console().print(table_of(rows, list(rows[0])))
    spread = ", ".join(f"{name} {value:.3f}" for name, value in summary.items())
    click.echo(f"final score over that of {against}: {spread} ({seeds} seeds)")


@bench.command("sandbox")
@click.option("--problem", "problems", multiple=True, help="Whose seed is judged; two small problems unless given.")
@click.option("--repeats", default=100, show_default=True, type=click.IntRange(min=4), help="Warm samples of each way.")
@json_option
def sandbox_(problems: tuple[str, ...], repeats: int, json_: bool) -> None:
    """What an evaluation takes in every kind of sandbox, warm and cold, and without any; in one run."""
    rows: list[dict[str, object]] = []
    for found in sandboxes.measure(problems, repeats, _to_stderr):
        if json_:
            click.echo(as_json(asdict(found)))
        elif isinstance(found, sandboxes.Absent):
            click.echo(f"not measured: {found.way}: {found.reason}")
        else:
            times = {"median_ms": f"{found.median_ms:.2f}", "p95_ms": f"{found.p95_ms:.2f}"}
            rows.append({**asdict(found), **times, "ratio": f"{found.ratio:.2f}"})
    if rows:
        Console().print(table_of(rows, list(rows[0])))


@bench.command("soak")
@click.argument("overrides", nargs=-1)
@click.option("--programs", default=10_000, show_default=True, type=click.IntRange(min=20), help="How many.")
@click.option("--attacks", default=0.1, show_default=True, type=click.FloatRange(0, 1), help="Share of hostile ones.")
@click.option("--sandbox", default="process", show_default=True, help="An option of conf/sandbox.")
@click.option("--restart", metavar="COMMAND", help="Shell command that restarts the engine, run once in the middle.")
@click.option("--seed", default=0, show_default=True, help="Of the choice and the order of programs.")
@json_option
def soak_(
    overrides: tuple[str, ...], programs: int, attacks: float, sandbox: str, restart: str | None, seed: int, json_: bool
) -> None:
    """Judge thousands of programs with known scores, attacks among them, on one warm executor.

    OVERRIDES are settings of sandbox and executor. Exit code 1 if a score is false, a program is blamed
    wrongly, or something is not given back.
    """

    def plan(questions: int) -> soak.Plan:
        return soak.Plan.drawn(programs, attacks, questions, np.random.default_rng(seed))

    settings = [f"sandbox={sandbox}", *overrides]
    report = asyncio.run(soak.soak(settings, plan, restart=restart, say=_to_stderr, docker=sandbox == "docker"))
    if json_:
        click.echo(as_json({**asdict(report), "holds": report.holds}))
    else:
        _print_soak(report)
    sys.exit(0 if report.holds else 1)


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)


def _print_soak(report: soak.Report) -> None:
    console = Console()
    console.print(table_of([{"held": when, **_rounded(asdict(held))} for when, held in report.held.items()], _HELD))
    console.print(table_of([{"outcome": name, "programs": count} for name, count in report.outcomes.items()], _COUNTS))
    boxes = report.sandboxes
    click.echo(
        f"{report.programs} programs, {report.attacks} of them attacks, in {report.seconds:.0f} s: "
        f"{report.programs / report.seconds:.1f} a second; longest wait between verdicts {report.longest_wait_s:.1f} s"
    )
    click.echo(f"sandboxes: {boxes.started} started, {boxes.refused} starts refused, {boxes.failed} failed under a job")
    for proof in report.proofs:
        click.echo(f"{'yes' if proof.holds else 'NO '}  {proof.claim}" + f" ({proof.failures})" * (not proof.holds))
        for example in proof.examples:
            click.echo(f"     {example}")


def _rounded(row: dict[str, float]) -> dict[str, object]:
    return {name: round(value, 1) for name, value in row.items()}


def _print(figures: list[machinery.Figure], json_: bool) -> None:
    if json_:
        for figure in figures:
            click.echo(as_json(asdict(figure)))
    else:
        rows = [{**asdict(figure), "value": f"{figure.value:.4g}"} for figure in figures]
        Console().print(table_of(rows, ("name", "value", "unit", "goal")))
