"""eval, check, new: judging programs without searching."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evolve import configuration, problem_library, this_machine, wiring
from evolve.cli.options import as_json, json_option, say
from evolve.cli.repeatability import Repeated, disagreements, noise_line, noise_rows, repeat_seed
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem, Stage, complete_program
from evolve.errors import ConfigurationError, nearest
from evolve.evaluation.cascade import Cascade
from evolve.interfaces import Executor
from evolve.redteam.attack import Attack, bundled_attacks
from evolve.redteam.program import takes_attacks
from evolve.redteam.ruling import Result, Ruling
from evolve.redteam.suite import exploits_of, run_suite
from evolve.terminal import table_of

param_option = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the problem."
)
set_option = click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A setting, as for run.")


@click.command("eval")
@click.argument("problem")
@click.argument("programs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--stage", help="Stage to judge; the last of the cascade unless given (`sealed` works too).")
@param_option
@set_option
@json_option
def eval_(
    problem: str,
    programs: tuple[Path, ...],
    stage: str | None,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    json_: bool,
) -> None:
    """Judge PROGRAMS (files or folders) on PROBLEM; exit code 0 if all are VALID."""
    loaded = problem_library.load_problem(problem, _params(params))
    chosen = loaded.stage(stage) if stage else loaded.stages[-1]
    contents = {str(path): complete_program(loaded, path) for path in programs}
    config = _configured(loaded, overrides)
    this_machine.refuse_without_gpu(config, loaded, [chosen])
    executor = wiring.build_executor(config, loaded)
    judged = asyncio.run(_judge_all(loaded, executor, [(files, chosen) for files in contents.values()]))
    rows = [_row(loaded, name, evaluation) for name, evaluation in zip(contents, judged, strict=True)]
    _print_rows(rows, json_)
    sys.exit(0 if all(evaluation.outcome is Outcome.VALID for evaluation in judged) else 1)


@click.command()
@click.argument("problem")
@click.option("--redteam", is_flag=True, help="Run a suite of hostile programs against it instead.")
@click.option("--only", metavar="PATTERN", help="With --redteam: only attacks of this name, e.g. `reach/*`.")
@click.option(
    "--repeats",
    default=5,
    show_default=True,
    type=click.IntRange(min=2),
    help="Times the seed is scored on each stage to measure noise; fewer if three are equal.",
)
@click.option("--stage", "stages", multiple=True, help="Check this stage alone, as where others need a GPU.")
@param_option
@set_option
@json_option
def check(
    problem: str,
    stages: tuple[str, ...],
    redteam: bool,
    only: str | None,
    repeats: int,
    params: tuple[str, ...],
    overrides: tuple[str, ...],
    json_: bool,
) -> None:
    """Load PROBLEM, score its seed several times, its baselines, and its exploits (which must not score).

    Of each objective it says how noisy it is, and what difference one evaluation can show.

    With --redteam, run hostile programs against its judge and the sandbox, the problem's own exploits
    among them, and say of each how it ended; exit code 0 if all were contained.
    """
    loaded = problem_library.load_problem(problem, _params(params))
    if only is not None and not redteam:
        raise ConfigurationError("--only chooses attacks: it needs --redteam.")
    whole, loaded = loaded, _limited(loaded, stages)
    if redteam:
        sys.exit(_redteam(loaded, overrides, only or "*", json_))
    config = _configured(loaded, overrides)
    this_machine.refuse_without_gpu(config, loaded)
    repeated = asyncio.run(repeat_seed(loaded, config, repeats))
    others = _check_work(loaded)
    executor = wiring.build_executor(config, loaded)
    found = asyncio.run(_judge_all(loaded, executor, [(item.files, item.stage) for item in others])) if others else []
    work = [*_seed_work(loaded, repeated), *others]
    judged = [*(verdict for stage in repeated for verdict in stage.verdicts), *found]
    noise = noise_rows(loaded, repeated)
    rows = [{**_row(loaded, item.name, e), "stage": item.stage.name} for item, e in zip(work, judged, strict=True)]
    findings = [*_findings(work, judged), *disagreements(noise)]
    if json_:
        click.echo(
            as_json(
                {
                    "problem": loaded.name,
                    "judge_hash": whole.judge_hash(),
                    "isolation": str(loaded.isolation),
                    "programs": rows,
                    "noise": noise,
                    "findings": findings,
                }
            )
        )
    else:
        _print_rows(rows, json_=False)
        for row in noise:
            click.echo(noise_line(row))
        for line in findings or ["Everything is in order."]:
            click.echo(line)
        if loaded.isolation.caveat:
            click.echo(loaded.isolation.caveat)
    sys.exit(1 if findings else 0)


@dataclass(frozen=True, slots=True)
class _Work:
    """A program to judge, and what must come of it."""

    name: str
    kind: str
    files: Mapping[str, str]
    stage: Stage


def _seed_work(problem: Problem, repeated: Sequence[Repeated]) -> list[_Work]:
    files = problem.seed().files
    turns = ("first", "again")
    return [
        _Work(f"seed ({turns[number] if number < len(turns) else number + 1})", "seed", files, stage.stage)
        for stage in repeated
        for number in range(len(stage.verdicts))
    ]


def _check_work(problem: Problem) -> list[_Work]:
    last = problem.stages[-1]
    work = [_Work(f"baseline {name}", "baseline", files, last) for name, files in problem.baselines().items()]
    work += [_Work(f"exploit {name}", "exploit", files, last) for name, files in problem.exploits().items()]
    return work


def _findings(work: Sequence[_Work], judged: Sequence[Evaluation]) -> list[str]:
    findings = []
    for item, evaluation in zip(work, judged, strict=True):
        valid = evaluation.outcome is Outcome.VALID
        if item.kind == "exploit" and valid:
            findings.append(f"{item.name} scored: the judge can be fooled this way.")
        if item.kind != "exploit" and not valid:
            findings.append(f"{item.name} ended {evaluation.outcome} at stage {item.stage.name}: {evaluation.feedback}")
    return findings


# ── hostile programs ──────────────────────────────────────────────────────────────────────────
_FOR_EVER = 1_000_000
_STYLES = {
    Ruling.CONTAINED: "green",
    Ruling.BREACH: "bold red",
    Ruling.INCONCLUSIVE: "yellow",
    Ruling.REPLACED: "yellow",
}


def _redteam(problem: Problem, overrides: Sequence[str], only: str, json_: bool) -> int:
    """Run the attacks that ``only`` selects; return the exit code."""
    config = _configured(problem, overrides)
    # One sandbox for the whole suite: what an attack leaves behind has to meet the next program.
    config = {**config, "sandbox": {**config["sandbox"], "recycle": _FOR_EVER}}
    applicable = bundled_attacks() if takes_attacks(problem) else []
    attacks = [attack for attack in (*applicable, *exploits_of(problem)) if attack.matches(only)]
    if not attacks and takes_attacks(problem):
        raise ConfigurationError(f"No attack is called {only!r}. {nearest(only, (a.name for a in applicable))}")
    results = asyncio.run(_attacked(problem, config, attacks, json_)) if attacks else []
    findings = [result for result in results if result.ruling is not Ruling.CONTAINED]
    if not json_:
        _print_results(results, findings)
    if not takes_attacks(problem):
        said = f"The attacks are Python; {problem.entry} is not, so none of them could be tried on {problem.name!r}."
        click.echo(f"{said} Only its exploits were.", err=True)
        return 1
    return 1 if findings else 0


async def _attacked(
    problem: Problem, config: configuration.Config, attacks: Sequence[Attack], json_: bool
) -> list[Result]:
    results = []
    with Console(stderr=True, quiet=json_).status("") as status:
        suite = run_suite(problem, lambda copy: wiring.build_sandbox(config, copy), attacks)
        async with contextlib.aclosing(suite):
            async for result in suite:
                results.append(result)
                status.update(f"{len(results)} of {len(attacks)} attacks; last: {result.attack}")
                if json_:
                    click.echo(as_json(asdict(result)))
    return results


def _print_results(results: Sequence[Result], findings: Sequence[Result]) -> None:
    table = Table("family", "attack", "tried", "ended", "verdict", box=None, padding=(0, 2, 0, 0))
    for result in results:
        ruling = Text(str(result.ruling), _STYLES[result.ruling])
        name = result.attack.partition("/")[2]
        table.add_row(str(result.family), Text(name), Text(result.tried), Text(_ended(result)), ruling)
    console = Console()
    console.print(table)
    for result in findings:
        for why in result.why:
            console.print(Text(f"{result.ruling} {result.attack}: {why}"), soft_wrap=True)
    counts = {ruling: sum(result.ruling is ruling for result in results) for ruling in Ruling}
    said = ", ".join(f"{count} {ruling}" for ruling, count in counts.items() if count)
    console.print(f"{len(results)} attacks: {said or 'none'}.", highlight=False)


def _ended(result: Result) -> str:
    """Return the outcome, with how many tries were refused and what the last of them were."""
    if not result.held:
        return result.ended
    refused = textwrap.shorten("; ".join(result.held), 90, placeholder=" ...")
    return f"{result.ended}; {len(result.held)} refused: {refused}"


def _params(pairs: Sequence[str]) -> dict[str, object]:
    params: dict[str, object] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise ConfigurationError(f"--param {pair!r}: expected NAME=VALUE.")
        params[name] = configuration.parsed(f"{name}={value}")[1]
    return params


def _limited(problem: Problem, stages: Sequence[str]) -> Problem:
    """Return a problem of these stages alone, in its own order; of all if none is named. Raises ProblemError."""
    if not stages:
        return problem
    named = {problem.stage(name).name for name in stages}
    kept = tuple(stage for stage in problem.stages if stage.name in named) or tuple(map(problem.stage, stages))
    sealed = problem.sealed if problem.sealed and problem.sealed.name in named else None
    return replace(problem, stages=kept, sealed=sealed if sealed not in kept else None)


def _configured(problem: Problem, overrides: Sequence[str]) -> configuration.Config:
    return this_machine.configure_here([f"problem={configuration.quoted(str(problem.folder))}", *overrides], say)


async def _judge_all(
    problem: Problem, executor: Executor, work: Sequence[tuple[Mapping[str, str], Stage]]
) -> list[Evaluation]:
    await executor.start()
    try:
        cascade = Cascade(problem, executor)
        return list(await asyncio.gather(*(cascade.judge(files, stage) for files, stage in work)))
    finally:
        await executor.close()


def _row(problem: Problem, name: str, evaluation: Evaluation) -> dict[str, object]:
    metrics = dict(evaluation.metrics)
    return {
        "program": name,
        "outcome": str(evaluation.outcome),
        "metrics": metrics,
        "objectives": {o.name: metrics[o.name] for o in problem.objectives if o.name in metrics},
        "feedback": evaluation.feedback,
        "seconds": round(evaluation.seconds, 6),
    }


def _print_rows(rows: Sequence[dict[str, object]], json_: bool) -> None:
    if json_:
        for row in rows:
            click.echo(as_json(row))
        return
    columns = [c for c in ("program", "stage", "outcome", "objectives", "seconds", "feedback") if c in rows[0]]
    Console().print(table_of([_in_words(row) for row in rows], columns))


def _in_words(row: Mapping[str, object]) -> dict[str, object]:
    values = row["objectives"]
    shown = ", ".join(f"{name} {value:.6g}" for name, value in values.items()) if isinstance(values, dict) else ""
    return {**row, "objectives": shown, "seconds": f"{row['seconds']:.2f}"}
