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

from evolve import problem_library, wiring
from evolve.bench import (
    cluster_scaling,
    decisions,
    drift,
    kernel_check,
    machinery,
    race,
    sandboxes,
    search_race,
    soak,
    store,
    tuner,
)
from evolve.bench.holdings import Holdings
from evolve.bench.problem_runs import run_seeds
from evolve.bench.prompts import prompts
from evolve.bench.proof import RESULTS, proof_page
from evolve.bench.race_plot import svg
from evolve.bench.race_statistics import Comparison, Row, Tally, Verdict, summarise, tally
from evolve.cli.ablating import folder_of, report
from evolve.cli.library_table import write_library_table
from evolve.cli.options import as_json, json_option, say, store_option
from evolve.evaluation import gpus
from evolve.terminal import table_of

_SPREAD: dict[str, Callable[[list[float]], float]] = {"min": min, "median": statistics.median, "max": max}
PYTHON = click.Path(exists=True, dir_okay=False, path_type=Path)
ENOUGH = click.IntRange(min=600)  # rates are taken over the last hundred before 500 and before the end
_HELD = ("held", *(column.name for column in fields(Holdings)))
_COUNTS = ("outcome", "programs")
_WIDE = 160  # columns; a table of intervals is no use folded
_RACE_LEGEND = (
    "area, final: means with 95 % intervals on the problem's scale (0 the seed, 1 the reference). Beside a control,\n"
    "by area: ++ better and the intervals are apart, + better, = not distinguishable, - worse, -- worse and apart."
)
_DRIFT_LEGEND = (
    "short, overstated: of the program held to be best, beside its true value, in shares of the best there is.\n"
    "accepted: programs of a run that became the best; false: those no better than the one before, of all accepted."
)
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


@bench.command("cluster")
@click.option(
    "--slots", "counts", multiple=True, type=click.IntRange(min=1), help="Evaluations at once; 64, 256, 1000."
)
@click.option("--way", "ways", multiple=True, type=click.Choice(("local", "ray", "run")), help="All unless given.")
@click.option("--seconds", default=10.0, show_default=True, help="Of each measurement.")
@json_option
def cluster_(counts: tuple[int, ...], ways: tuple[str, ...], seconds: float, json_: bool) -> None:
    """Judges of a second on many slots: throughput, what an evaluation costs, and what gives out first."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for slots in counts or (64, 256, 1000):
            for way in ways or ("local", "ray", "run"):
                rows.append(asdict(cluster_scaling.measure(way, slots, seconds, Path(scratch))))
                _to_stderr(as_json(rows[-1]))
    if json_:
        click.echo("\n".join(map(as_json, rows)))
        return
    shown = [{n: f"{v:.2f}" if isinstance(v, float) else v for n, v in row.items()} for row in rows]
    Console(width=_WIDE).print(table_of(shown, list(shown[0])))


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


@bench.command("decisions")
@click.option("--searches", help="Of conf/search, or controller: all that decides beside a model. All unless given.")
@click.option("--programs", default=100_000, show_default=True, type=click.IntRange(min=600), help="Attempts of each.")
@json_option
def decisions_(searches: str | None, programs: int, json_: bool) -> None:
    """What deciding costs as a run grows: processor time of an ask and a tell, rebuilding, memory.

    Goals: 1 ms and flat; 20 s for 100,000 programs; 2 kB for each.
    """
    rows = []
    names = _names(searches) if searches is not None else decisions.everybody()
    for cost in decisions.costs(names, programs):
        rows.append(asdict(cost))
        if json_:
            click.echo(as_json(rows[-1]))
    if not json_:
        shown = [{name: _short(value) for name, value in row.items()} for row in rows]
        Console(width=_WIDE).print(table_of(shown, list(shown[0])))


def _short(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else value


@bench.command("store")
@click.option("--programs", default=100_000, show_default=True, type=click.IntRange(min=1000), help="Of the long run.")
@click.option("--url", help="Database to write to, and to leave there; a file that is deleted unless given.")
@json_option
def store_(programs: int, url: str | None, json_: bool) -> None:
    """What a long run costs in the store: writing it, its size, questions about it, resuming it.

    A database that holds the run already is not written again; resuming adds a few attempts to it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for figure in store.measure(url or f"sqlite:///{scratch}/bench.db", programs, _to_stderr):
            if json_:
                click.echo(as_json(asdict(figure)))
            else:
                click.echo(f"{figure.name:<55} {figure.value:>10.4g} {figure.unit:<12} {figure.goal}".rstrip())


@bench.command("kernels")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where results go.")
@click.option("--honest", default="kernels/vector_add", show_default=True, help="Problem whose times are compared.")
@click.option("--attacks", default="gpu_exploits", show_default=True, help="Its folder of hostile programs.")
@click.option("--search", "searched", multiple=True, help="Problems to search; two of ours unless given.")
@click.option("--wall-s", default=110.0, show_default=True, help="For each search.")
@click.option("--budget-s", default=440.0, show_default=True, help="For everything.")
@click.option("--dry-run", is_flag=True, help="On this machine's processor, to see that it works; nothing is measured.")
def kernels_(
    out: Path, honest: str, attacks: str, searched: tuple[str, ...], wall_s: float, budget_s: float, dry_run: bool
) -> None:
    """On a machine with a GPU: the kernel harness's times, hostile kernels, keyless searches."""
    problem = problem_library.load_problem(honest)
    stages = [] if dry_run else [problem.stage(kernel_check.TIMING)]
    gpus.refuse_without_gpu(problem, stages)
    chosen = [problem_library.load_problem(name).folder for name in searched or kernel_check.SEARCHED]
    plan = kernel_check.planned(problem, attacks, chosen, wall_s=wall_s, budget_s=budget_s, dry_run=dry_run)
    report = kernel_check.check(plan, out, _to_stderr)
    click.echo((out / kernel_check.PAGE).read_text("utf-8"))
    sys.exit(0 if report.refused else 1)


@bench.command("tuner")
@click.option("--problem", default=tuner.LANDSCAPE, show_default=True, help="A landscape or problem with a loss.")
@click.option("--tuned", default=200, show_default=True, type=click.IntRange(min=1), help="Evaluations of tune.")
@click.option("--edited", default=2000, show_default=True, type=click.IntRange(min=1), help="Evaluations of syntax.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(min=1), help="Seeds 1, 2, ... of each.")
@json_option
def tuner_(problem: str, tuned: int, edited: int, seeds: int, json_: bool) -> None:
    """What tuning constants reaches beside editing the syntax, each alone, without a model: the least loss."""
    rows = []
    for reached in tuner.compared(tuned, edited, range(1, seeds + 1), problem):
        spread = {"best": reached.best, "median": reached.median, "worst": reached.worst}
        rows.append({"operator": reached.operator, "evaluations": reached.evaluations, **spread})
        if json_:
            click.echo(as_json({**rows[-1], "losses": reached.losses}))
    if not json_:
        Console().print(table_of([{name: _short(value) for name, value in row.items()} for row in rows], list(rows[0])))


@bench.command("noise")
@click.argument("overrides", nargs=-1)
@click.option("--searches", default="greedy,portfolio", show_default=True, help="Of conf/search.")
@click.option("--proposals", "marks", default="300,1000", show_default=True, help="After how many it is looked at.")
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(min=1), help="How many of each.")
@click.option("--first-seed", default=1, show_default=True, type=click.IntRange(min=0), help="The others follow.")
@json_option
def noise_(overrides: tuple[str, ...], searches: str, marks: str, seeds: int, first_seed: int, json_: bool) -> None:
    """How far searches get where scores are noisy, and how much of it is false; simulated. OVERRIDES are settings."""
    numbers = range(first_seed, first_seed + seeds)
    rows = []
    for row in drift.measured(_names(searches), numbers, _counts_of(marks), overrides):
        if json_:
            click.echo(as_json(asdict(row)))
        rows.append(_drift_row(row))
    if not json_:
        Console(width=_WIDE).print(table_of(rows, list(rows[0])))
        click.echo(_DRIFT_LEGEND)


@bench.command("search")
@click.argument("overrides", nargs=-1)
@click.option("--problems", default=",".join(search_race.PROBLEMS), show_default=True, help="Names or folders.")
@click.option("--searches", default="alphaevolve,greedy,best_of_n,random", show_default=True, help="Of conf/search.")
@click.option(
    "--controls", default="greedy,best_of_n,random", show_default=True, help="What all others are compared with."
)
@click.option(
    "--mutator", "mutators", default="mutator,reader", show_default=True, help="Personas of the model server."
)
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="How many of each.")
@click.option("--first-seed", default=1, show_default=True, type=click.IntRange(min=0), help="The others follow.")
@click.option("--proposals", default=300, show_default=True, type=click.IntRange(min=1), help="Of each run.")
@click.option("--openevolve", type=PYTHON, help="Python of an environment with openevolve, to race it too.")
@click.option("--shinka", type=PYTHON, help="Python of an environment with shinka-evolve.")
@click.option("--gepa", type=PYTHON, help="Python of an environment with gepa.")
@click.option("--width", default=2, show_default=True, type=click.IntRange(min=1), help="Cells at once.")
@click.option("--out", default="runs/search.jsonl", show_default=True, type=click.Path(path_type=Path), help="Results.")
@click.option("--plot", type=click.Path(path_type=Path), help="Where to draw the curves, as SVG.")
@json_option
def search_(
    overrides: tuple[str, ...], problems: str, searches: str, controls: str, mutators: str, seeds: int,
    first_seed: int, proposals: int, openevolve: Path | None, shinka: Path | None, gepa: Path | None,
    width: int, out: Path, plot: Path | None, json_: bool,
) -> None:  # fmt: skip
    """Which search is better at equal numbers of proposals. OVERRIDES are settings of our runs.

    Results are added to --out cell by cell; called again, it runs what is missing there. See
    evolve/bench/README.md for what is measured. Exit code 1 if a cell failed.
    """
    peers = {"openevolve": openevolve, "shinka": shinka, "gepa": gepa}
    cells = race.Race(
        problems=_names(problems),
        searches=_names(searches),
        mutators=_names(mutators),
        seeds=range(first_seed, first_seed + seeds),
        proposals=proposals,
        peers={name: python for name, python in peers.items() if python is not None},
        settings=overrides,
    )
    results = race.run(cells, out, width, _to_stderr)
    rows = summarise(results, _names(controls))
    if json_:
        lines: list[Row | Tally] = [*rows, *tally(rows)]
        for line in lines:
            click.echo(as_json(asdict(line)))
    elif results:
        _print_race(rows, _names(controls))
    if plot is not None and results:
        plot.write_text(svg(results))
    sys.exit(0 if len(results) == len(cells.cells()) else 1)


@bench.command("ablation")
@click.argument("study", default="ablation")
@store_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder of table and picture; runs/STUDY unless given.")
@json_option
def ablation_(study: str, store: str, out: Path | None, json_: bool) -> None:
    """What each part is worth, from the runs of STUDY on record: evolve run -m experiment=ablation makes them."""
    opened = wiring.open_existing(store)
    try:
        report(opened, study, out or folder_of(study), json_)
    finally:
        opened.close()


@bench.command("report")
@click.option(
    "--results", default=RESULTS, show_default="those of evolve", type=click.Path(path_type=Path), help="Folder."
)
@click.option("--out", default="proof.html", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
def report_(results: Path, out: Path) -> None:
    """Write what is claimed of the search and what was measured as one HTML file that works offline.

    --results holds JSON lines: search.jsonl as evolve bench search makes it, and noise.jsonl, tuner.jsonl and
    decisions.jsonl as these commands print them with --json.
    """
    page = proof_page(results)
    out.write_text(page, encoding="utf-8")
    say(f"Wrote {out} ({len(page) / 1024:.0f} KiB).")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _counts_of(text: str) -> list[int]:
    """Raises click.BadParameter."""
    names = _names(text)
    if not names or not all(name.isdigit() and int(name) for name in names):
        raise click.BadParameter(f"expected whole numbers from 1 with commas between them, found {text!r}")
    return [int(name) for name in names]


def _drift_row(row: drift.Row) -> dict[str, object]:
    return {
        **{name: getattr(row, name) for name in ("world", "search", "noise", "proposals", "seeds")},
        "short of the best": f"{row.short.mean:.1%} [{row.short.low:.1%}, {row.short.high:.1%}]",
        f"within {drift.WITHIN:.0%}": f"{row.within:.0%}",
        "overstated": f"{row.overstated:.1%}",
        "accepted": f"{row.accepted:.1f}",
        "false": f"{row.false_share:.1%}",
        "repeats": f"{row.repeats:.0%}",
    }


def _print_race(rows: list[Row], controls: list[str]) -> None:
    console = Console(width=_WIDE)
    shown = [_race_row(row) for row in rows]
    names = [name for name in shown[0] if not name.startswith("vs ")]
    console.print(
        table_of(shown, [*names, *(f"vs {name}" for name in controls if any(f"vs {name}" in r for r in shown))])
    )
    click.echo(_RACE_LEGEND)
    tallies = [asdict(each) for each in tally(rows)]
    if tallies:
        console.print(table_of(tallies, list(tallies[0])))


def _race_row(row: Row) -> dict[str, object]:
    costs = {
        "seeds": row.seeds,
        "CPU s": round(row.cpu_s, 1),
        "wall s": round(row.wall_s, 1),
        "calls": round(row.model_calls),
        "tokens/call": round(row.prompt_tokens_per_call),
    }
    verdicts = {f"vs {each.control}": _sign(each) for each in row.against}
    names = {"mutator": row.mutator, "problem": row.problem, "search": row.search}
    return {**names, "area": str(row.area), "final": str(row.final), **costs, **verdicts}


def _sign(comparison: Comparison) -> str:
    sign = {Verdict.BETTER: "+", Verdict.WORSE: "-", Verdict.UNCLEAR: "="}[comparison.verdict]
    return sign * 2 if comparison.apart and comparison.verdict is not Verdict.UNCLEAR else sign


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


@bench.command("library")
@click.argument("overrides", nargs=-1)
@click.option("--problem", "problems", multiple=True, help="Names or folders; every bundled problem unless given.")
@click.option("--minutes", default=5.0, show_default=True, type=click.FloatRange(min=0.05), help="Of each run.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the table, as Markdown.")
@json_option
def library_(
    overrides: tuple[str, ...], problems: tuple[str, ...], minutes: float, out: Path | None, json_: bool
) -> None:
    """Run every problem of the library once without a model: seed, after, best known.

    OVERRIDES are settings of the runs, e.g. executor.width=2. The table is written again after each problem.
    """
    write_library_table(overrides, problems, 60 * minutes, out, json_=json_)
