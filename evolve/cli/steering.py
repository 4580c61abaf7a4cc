"""steer, pause, stop: orders to a run, put into its inbox while it runs or waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from evolve import wiring
from evolve.account.orders import Ordered, orders_of, rules_in_force, rules_with, selectable
from evolve.account.steering import give
from evolve.cli.looking import opened_store
from evolve.cli.options import as_json, json_option, run_argument, store_option
from evolve.controller.steering import rules_after
from evolve.domain.problem import Problem, complete_program
from evolve.domain.rules import Rules
from evolve.domain.steering import (
    Hint,
    Inject,
    Order,
    Pause,
    Pin,
    RemoveHint,
    Stop,
    Unpin,
    Veto,
    Weigh,
    kind_of,
    misfit,
)
from evolve.errors import ConfigurationError, NotFound
from evolve.interfaces import RunInfo, Store

_ALL = "all"


@click.group()
@run_argument
@click.pass_context
def steer(context: click.Context, run: str) -> None:
    """Steer RUN while it runs, or before it is resumed: each order is on record, and replayed with it."""
    context.obj = run


@steer.command()
@click.argument("program", type=click.Path(exists=True, path_type=Path))
@click.option("--note", default="", help="What it is, in a sentence; later prompts show it.")
@store_option
@json_option
@click.pass_obj
def inject(run: str, program: Path, note: str, store: str, json_: bool) -> None:
    """Judge PROGRAM, a file or a folder, and breed from it as from any other."""
    info = wiring.find_run(store, run)
    problem = wiring.problem_of(info)
    files = complete_program(problem, program)
    reason = misfit(problem, files)
    if reason:
        raise ConfigurationError(f"{program} is no program for {problem.name}: {reason}")
    _give(store, info, Inject(files, note), json_)


@steer.command()
@click.argument("text", required=False)
@click.option("--for", "expires_after", type=int, metavar="N", help="Show it for N finished attempts only.")
@click.option(
    "--remove", is_flag=False, flag_value=_ALL, metavar="[NUMBER]", help="Show the hint of this order no more; or all."
)
@store_option
@json_option
@click.pass_obj
def hint(run: str, text: str | None, expires_after: int | None, remove: str | None, store: str, json_: bool) -> None:
    """Show TEXT in every prompt from now on, or take hints back."""
    if (text is None) == (remove is None):
        raise ConfigurationError("Give the TEXT of a hint, or --remove, or --remove=NUMBER.")
    info = wiring.find_run(store, run)
    if remove is not None:
        _give(store, info, RemoveHint(_hint_number(store, info, remove)), json_)
        return
    if "_target_" not in _mapping(info.config["llm"]):
        raise ConfigurationError(
            f"Run {info.id!r} asks no model (llm=none), so there are no prompts to show a hint in."
        )
    _give(store, info, Hint(str(text), expires_after), json_)


@steer.command()
@click.argument("step", type=int)
@store_option
@json_option
@click.pass_obj
def pin(run: str, step: int, store: str, json_: bool) -> None:
    """Make program STEP the parent of half of the proposals; several pins share them."""
    info = wiring.find_run(store, run)
    _check_valid(store, info, step)
    _give(store, info, Pin(step), json_)


@steer.command()
@click.argument("step", type=int)
@store_option
@json_option
@click.pass_obj
def unpin(run: str, step: int, store: str, json_: bool) -> None:
    """End the pin of program STEP."""
    info = wiring.find_run(store, run)
    with opened_store(store) as opened:
        given = _not_refused(opened, info)
    if not _pinned([item.order for item in given], step):
        raise ConfigurationError(
            f"Program {step} of run {info.id!r} is not pinned. `evolve show {info.id}` lists what was ordered."
        )
    _give(store, info, Unpin(step), json_)


@steer.command()
@click.argument("step", type=int)
@click.option("--descendants", is_flag=True, help="Nor what was, or will be, edited from it, to any depth.")
@store_option
@json_option
@click.pass_obj
def veto(run: str, step: int, descendants: bool, store: str, json_: bool) -> None:
    """Never use program STEP again: not as parent, inspiration, elite or champion."""
    info = wiring.find_run(store, run)
    order = Veto(step, descendants)
    with opened_store(store) as opened:
        _check_there_is(opened, info, step)
        problem, rules = _coming_rules(opened, info)
        left = selectable(opened, info, problem, rules_after(rules, order, problem))
        if next(left, None) is None:
            raise ConfigurationError(f"Without program {step} there would be no valid program to go on from.")
    _give(store, info, order, json_)


@steer.command()
@click.argument("weights", nargs=-1, required=True, metavar="NAME=WEIGHT... | none")
@store_option
@json_option
@click.pass_obj
def weigh(run: str, weights: tuple[str, ...], store: str, json_: bool) -> None:
    """Select by the weighted sum of the gains (higher is better, whatever the direction); none: by all objectives.

    An objective that is not named weighs nothing.
    """
    info = wiring.find_run(store, run)
    order = Weigh(None if weights == ("none",) else _weights(weights))
    with opened_store(store) as opened:
        problem, rules = _coming_rules(opened, info)
    rules_after(rules, order, problem)  # raises ConfigurationError for unknown names
    _give(store, info, order, json_)


@click.command()
@run_argument
@store_option
@json_option
def pause(run: str, store: str, json_: bool) -> None:
    """Have RUN finish what is in flight and begin nothing new; `evolve resume RUN` goes on."""
    _give(store, wiring.find_run(store, run), Pause(), json_)


@click.command()
@run_argument
@store_option
@json_option
def stop(run: str, store: str, json_: bool) -> None:
    """Have RUN finish what is in flight, announce its champion, and end."""
    _give(store, wiring.find_run(store, run), Stop(), json_)


def _give(url: str, info: RunInfo, order: Order, json_: bool) -> None:
    with opened_store(url) as opened:
        given = give(opened, info, order)
    if json_:
        told = {"run": info.id, "number": given.number, "kind": kind_of(order), "at_work": given.holder}
        click.echo(as_json(told))
    else:
        click.echo(given.in_words())


def _not_refused(store: Store, info: RunInfo) -> list[Ordered]:
    return [item for item in orders_of(store, info) if item.state != "refused"]


def _coming_rules(store: Store, info: RunInfo) -> tuple[Problem, Rules]:
    """Return the problem, and the rules that the search will go by when all that waits is taken up."""
    problem = wiring.problem_of(info)
    return problem, rules_with(rules_in_force(store, info, problem), orders_of(store, info), problem)


def _pinned(given: Sequence[Order], step: int) -> bool:
    about = [order for order in given if isinstance(order, Pin | Unpin) and order.step == step]
    return bool(about) and isinstance(about[-1], Pin)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _hint_number(url: str, info: RunInfo, remove: str) -> int | None:
    """Return the number of the hint to take back, None for all. Raises ConfigurationError."""
    with opened_store(url) as opened:
        hints = [str(item.number) for item in _not_refused(opened, info) if isinstance(item.order, Hint)]
    if remove == _ALL and hints:
        return None
    if remove not in hints:
        known = f"Orders that are hints: {', '.join(hints)}." if hints else "It has none."
        raise ConfigurationError(f"Run {info.id!r} has no hint {remove!r}. {known}")
    return int(remove)


def _check_there_is(store: Store, info: RunInfo, step: int) -> None:
    try:
        store.program(info.id, step)
    except NotFound as error:
        raise NotFound(f"Run {info.id!r} has no program {step}; it has made {info.proposals} attempts.") from error


def _check_valid(url: str, info: RunInfo, step: int) -> None:
    with opened_store(url) as opened:
        _check_there_is(opened, info, step)
        problem, rules = _coming_rules(opened, info)
        usable = any(program.step == step for program in selectable(opened, info, problem, rules))
    if not usable:
        raise NotFound(f"Program {step} of run {info.id!r} is not valid, not finished, or vetoed: it is no parent.")


def _weights(given: Sequence[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in given:
        name, separator, value = part.partition("=")
        try:
            weights[name] = float(value)
        except ValueError as error:
            raise ConfigurationError(f"Expected NAME=WEIGHT with a number, or none; found {part!r}.") from error
        if not separator:
            raise ConfigurationError(f"Expected NAME=WEIGHT, found {part!r}.")
    return weights
