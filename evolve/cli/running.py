"""run, resume, replay."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from evolve import configuration, this_machine, wiring
from evolve.bench import variants
from evolve.bundles.trust import refuse_to_work_on, settings_of
from evolve.cli import detaching
from evolve.cli.options import (
    address,
    agreement_data,
    as_json,
    evaluation_data,
    json_option,
    run_argument,
    say,
    spread_data,
    store_option,
)
from evolve.cli.studies import Study
from evolve.cli.sweeps import Sweep
from evolve.controller.estimate import Estimate
from evolve.controller.exhibits import Exhibits
from evolve.controller.fork import fork
from evolve.controller.loop import Loop
from evolve.controller.replay import Difference, Replay
from evolve.controller.retention import in_words
from evolve.controller.run import Observer, Parts, Result, resume_run, start_run
from evolve.domain.problem import Problem
from evolve.domain.program import Program
from evolve.errors import ConfigurationError, LeaseLost, StoreError
from evolve.interfaces import Prunable, RunInfo
from evolve.store.memory import MemoryStore
from evolve.store.pruning import steps_in_words
from evolve.terminal import RunView, closing_page, expected

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
Begin = Callable[[Observer], Coroutine[Any, Any, Result]]


@click.command()
@click.argument("overrides", nargs=-1)
@click.option("--config-dir", type=FOLDER, help="A folder of yours with more conf/ options.")
@click.option("--cfg", type=click.Choice(["job"]), help="Print the resolved configuration and stop.")
@click.option("-m", "--multirun", is_flag=True, help="Run once for each combination of comma-separated values.")
@click.option("--estimate", is_flag=True, help="Judge the seed, print what model calls will cost, and stop.")
@click.option(
    "-d", "--detach", is_flag=True, help="With executor=ray: return when it has begun; sets controller.detached=true."
)
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def run(
    overrides: tuple[str, ...],
    config_dir: Path | None,
    cfg: str | None,
    multirun: bool,
    estimate: bool,
    detach: bool,
    quiet: bool,
    json_: bool,
) -> None:
    """Evolve a problem's program: evolve run problem=bin_packing budget.wall_s=60 llm=MODEL"""
    if detach:
        overrides = (*overrides, "controller.detached=true")
    if multirun:
        sys.exit(_multirun(overrides, config_dir, quiet, json_))
    if cfg:
        config = configuration.configure([*this_machine.sandbox_of_this_machine(overrides), *overrides], config_dir)
        click.echo(as_json(config) if json_ else configuration.as_yaml(config), nl=False)
        return
    config = this_machine.configure_here(overrides, say, config_dir)
    variants.check(config, config_dir)
    this_machine.refuse_without_gpu(config, wiring.build_problem(config))
    if estimate:
        _print_estimate(config, json_)
    elif detach:
        parts = wiring.build(config)
        info = wiring.new_run(config, parts)
        _say_caveat(parts)
        detaching.begin(config, parts, info)
        detaching.say_how_to_attach(info.id, json_)
    else:
        _start(config, quiet, json_)


@click.command()
@run_argument
@click.argument("overrides", nargs=-1)
@store_option
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def resume(run: str, overrides: tuple[str, ...], store: str, quiet: bool, json_: bool) -> None:
    """Go on with RUN. Its budget and sandbox may be changed: evolve resume RUN budget.wall_s=600 sandbox=process"""
    info = wiring.find_run(store, run)
    refuse_to_work_on(info)
    problem = wiring.problem_of(info)
    config = configuration.for_resume({**settings_of(info), "store": wiring.store_config(store)}, overrides)
    parts = wiring.build(config, problem)
    wiring.refuse_changed_judge(parts, info)
    this_machine.refuse_without_gpu(config, parts.problem)
    if wiring.is_detached(config):
        sys.exit(_on_cluster(config, parts, info, quiet, json_))
    _work(parts, info.id, lambda observe: resume_run(parts, info.id, observe), quiet, json_)


@click.command("fork")
@run_argument
@click.argument("overrides", nargs=-1)
@click.option("--at", "count", type=int, required=True, help="How many of its finished attempts to take over.")
@store_option
@click.option("-q", "--quiet", is_flag=True, help="Print the result only.")
@json_option
def fork_(run: str, overrides: tuple[str, ...], count: int, store: str, quiet: bool, json_: bool) -> None:
    """Begin a new run with the first attempts of RUN: evolve fork RUN --at 250 search=greedy budget.evaluations=500"""
    source = wiring.find_run(store, run)
    refuse_to_work_on(source)
    wiring.problem_of(source)
    config = configuration.for_fork({**settings_of(source), "store": wiring.store_config(store)}, overrides)
    problem = wiring.build_problem(config).as_judged_by(source.provenance.get("judge_hash"))
    parts = wiring.build(config, problem)
    wiring.refuse_changed_judge(parts, source)
    this_machine.refuse_without_gpu(config, parts.problem)
    info = wiring.new_run(config, parts)
    opened = parts.open_store()
    try:
        fork(opened, source.id, count, info, parts.decisions(Exhibits(opened, source.id, parts.problem)), parts.holder)
    finally:
        opened.close()
    fresh = wiring.build(config, problem)  # what the fork was told belongs to its own fold
    _work(fresh, info.id, lambda observe: resume_run(fresh, info.id, observe), quiet, json_)


@click.command()
@run_argument
@store_option
@json_option
def replay(run: str, store: str, json_: bool) -> None:
    """Do RUN again from its record, offline, and report the first difference."""
    info = wiring.find_run(store, run)
    found = replayed(store, info)
    _print_replay(info, found, json_)
    sys.exit(0 if found.difference is None else 1)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What doing a run again found: the first difference, and the attempts of which too much was pruned."""

    difference: Difference | None
    untold: Mapping[Prunable, Sequence[int]]


def replayed(store: str, info: RunInfo) -> Replayed:
    """Do a run again from its record.

    Raises ProblemError without its problem, ConfigurationError for a run of others that cannot be made here.
    """
    problem = wiring.problem_of(info)
    parts = wiring.build({**settings_of(info), "store": wiring.store_config(store)}, problem)
    opened = parts.open_store()
    try:
        again = Replay(
            store=opened,
            run=info.id,
            decisions=parts.decisions(Exhibits(opened, info.id, parts.problem)),
            model=parts.model,
            novelty=parts.novelty,
        )
        return Replayed(asyncio.run(again.first_difference()), again.untold)
    finally:
        opened.close()


def _print_replay(info: RunInfo, again: Replayed, json_: bool) -> None:
    difference, untold = again.difference, again.untold
    if json_:
        found = asdict(difference) if difference is not None else None
        told = {"run": info.id, "attempts": info.proposals, "identical": not found, "difference": found}
        pruned = {str(what): steps_in_words(steps) for what, steps in untold.items()}
        click.echo(as_json({**told, "pruned": pruned} if pruned else told))
        return
    for what, steps in untold.items():
        click.echo(f"{what} of steps {in_words(steps)} were pruned: what was proposed is taken from the record.")
    if difference is None:
        click.echo(f"{info.id}: all {info.proposals} attempts replay identically.")
    else:
        click.echo(
            f"{info.id}: step {difference.step}, {difference.what} differs:\n"
            f"  recorded: {difference.recorded}\n  replayed: {difference.replayed}"
        )


def _print_estimate(config: configuration.Config, json_: bool) -> None:
    """Begin a run that is kept nowhere and ends with the seed."""
    parts = wiring.build(config)
    if parts.model is None:
        raise ConfigurationError("Without a model attempts cost nothing but time. Choose one with llm=MODEL.")
    kept = MemoryStore()
    found: list[Estimate] = []

    def observe(loop: Loop) -> None:
        found.extend([loop.progress.estimate] if loop.progress.estimate is not None else [])
        loop.stop("only an estimate was asked for")

    brief = replace(parts, open_store=lambda: kept, sealed=False, trackers=dict)
    asyncio.run(start_run(brief, wiring.new_run(config, parts), observe))
    if json_:
        click.echo(as_json(asdict(found[0]) if found else {}))
    else:
        click.echo("\n".join(expected(found[0] if found else None)) or "No operator can ask about the seed alone.")


def _start(config: configuration.Config, quiet: bool, json_: bool) -> None:
    if config["study"] is not None:
        if wiring.is_detached(config):
            raise ConfigurationError("The runs of a study are compared by this command: controller.detached=false.")
        sys.exit(_of_study(config, quiet or json_))
    parts = wiring.build(config)
    info = wiring.new_run(config, parts)
    if wiring.is_detached(config):
        sys.exit(_on_cluster(config, parts, info, quiet, json_))
    _work(parts, info.id, lambda observe: start_run(parts, info, observe), quiet, json_)


def _on_cluster(config: configuration.Config, parts: Parts, info: RunInfo, quiet: bool, json_: bool) -> int:
    """Begin or go on with a run whose controller works on the cluster, and watch it; return the exit code."""
    _say_caveat(parts)
    detaching.begin(config, parts, info)
    return detaching.watch(parts, info.id, str(config["executor"]["address"]), quiet, json_)


def _of_study(config: configuration.Config, quiet: bool) -> int:
    """Begin a run of a study, or go on where its record ends; return the exit code."""
    parts = wiring.build(config)
    run = variants.run_id(config, parts.problem)
    info = wiring.new_run({**config, "run": run}, parts)
    known = _on_record(parts, info)
    if known is not None and known.status == "finished":
        say(f"{run}: on record")
        return 0

    def begin(observe: Observer) -> Coroutine[Any, Any, Result]:
        return start_run(parts, info, observe) if known is None else resume_run(parts, run, observe)

    result = _to_end(_Watched(parts, run, quiet), begin)
    scores = ", ".join(f"{o.name} {result.best.metrics[o.name]:g}" for o in parts.problem.objectives)
    say(f"{run}: {result.status}, {scores}, ${result.progress.spent.cost_usd:.4f}: {result.reason}")
    if result.status == "paused":
        say("Stopped. The same command goes on from here.")
        sys.exit(130)
    return 0 if result.status != "failed" else 1


def _on_record(parts: Parts, info: RunInfo) -> RunInfo | None:
    store = parts.open_store()
    try:
        return variants.on_record(store, info)
    finally:
        store.close()


def _say_caveat(parts: Parts) -> None:
    if parts.problem.isolation.caveat:
        say(parts.problem.isolation.caveat)


def _work(parts: Parts, run: str, begin: Begin, quiet: bool, json_: bool) -> None:
    result = _worked(parts, run, begin, quiet, json_)
    sys.exit(0 if result.status != "failed" else 1)


def _worked(parts: Parts, run: str, begin: Begin, quiet: bool, json_: bool) -> Result:
    """Work on a run to its end, and print what came of it."""
    _say_caveat(parts)
    result = _to_end(_Watched(parts, run, quiet or json_), begin)
    best = _program(parts, result)
    if json_:
        click.echo(as_json(_result_data(parts, result)))
    else:
        closing_page(Console(), parts.problem, parts.budget, result, best.files, address(run, parts.store))
    return result


class _Watched:
    """A run with its view; ``on_record`` says whether there is something to resume, and ``resume`` how."""

    def __init__(self, parts: Parts, run: str, quiet: bool) -> None:
        self.resume = f"evolve resume {address(run, parts.store)}"
        self.on_record = False
        self._view = RunView(Console(quiet=quiet), parts.problem, parts.budget, run)
        self._watching: asyncio.Task[None] | None = None

    async def work(self, begin: Begin) -> Result:
        try:
            return await begin(self._observe)
        finally:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.gather(self._watching, return_exceptions=True)

    def _observe(self, loop: Loop) -> None:
        self.on_record = True
        self._watching = asyncio.create_task(self._view.watch(loop))


def _to_end(watched: _Watched, begin: Begin) -> Result:
    try:
        return asyncio.run(watched.work(begin))
    except (KeyboardInterrupt, asyncio.CancelledError):
        what = "Stopped before the search began."
        if watched.on_record:
            what = f"Stopped; what was in flight is redone. Go on with: {watched.resume}"
        click.echo(f"\n{what}", err=True)
        sys.exit(130)
    except LeaseLost:
        raise
    except StoreError as error:
        if not watched.on_record:
            raise
        raise StoreError(f"{error}\nWhat was written is kept. Go on with: {watched.resume}") from error


def _program(parts: Parts, result: Result) -> Program:
    store = parts.open_store()
    try:
        return store.program(result.run, result.best_step)
    finally:
        store.close()


def _result_data(parts: Parts, result: Result) -> dict[str, object]:
    return {
        "run": result.run,
        "status": result.status,
        "reason": result.reason,
        "best": {"step": result.best_step, **evaluation_data(result.best)},
        "seed": evaluation_data(result.seed),
        "stages": [agreement_data(found) for found in result.stages],
        "sealed": {contender.name: evaluation_data(contender.evaluation) for contender in result.sealed},
        "confidence": _confidence(parts.problem, result),
        "repeats": result.progress.repeats,
        "noise_sd": result.progress.noise_sd,
    }


def _confidence(problem: Problem, result: Result) -> dict[str, object]:
    """Return, by contender and objective, mean, interval, number of evaluations, and the gap to the search's score."""
    told: dict[str, object] = {}
    for contender in (*result.sealed, *result.confirmed):
        told[contender.name] = {
            objective.name: {**spread_data(spread), "above_search": contender.gap(objective.name)}
            for objective in problem.objectives
            if (spread := contender.spread(objective.name)) is not None
        }
    return told


def _multirun(overrides: Sequence[str], config_dir: Path | None, quiet: bool, json_: bool) -> int:
    """Run each combination; return the exit code. The runs of a study are compared in the end."""
    chosen = [*this_machine.sandbox_of_this_machine(overrides), *overrides]
    study, swept = Study(), Sweep(secrets.token_hex(4))

    def once(config: configuration.Config, made_by: Sequence[str]) -> float | None:
        if config["study"] is None:
            variants.check(config, config_dir)
            return _sweep_one(config, swept, made_by, quiet, json_)
        if study.takes(config, config_dir):
            with study.noting():
                study.note(_of_study(config, quiet or json_))
        return None

    configuration.sweep(configuration.composing(chosen, config_dir), once)
    if not json_ and study.is_empty:
        swept.report(overrides, config_dir)
    return study.close(json_)


def _sweep_one(
    config: configuration.Config, swept: Sweep, made_by: Sequence[str], quiet: bool, json_: bool
) -> float | None:
    """Work on one run of a sweep; return the champion's gain in the first objective: more is better.

    None where another controller works on it.
    """
    parts = wiring.build(config)
    info = swept.noted(wiring.new_run(config, parts), made_by)
    if wiring.is_detached(config):
        code = _on_cluster(config, parts, info, quiet, json_)
        if code:
            sys.exit(code)
        return None
    result = _worked(parts, info.id, lambda observe: start_run(parts, info, observe), quiet, json_)
    if result.status == "failed":
        sys.exit(1)
    return float(parts.problem.vector(result.best.metrics)[0])
