"""steer, pause, stop: orders to a run, put into its inbox while it runs or waits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from evolve import wiring
from evolve.account.steering import give
from evolve.cli.looking import opened_store
from evolve.cli.options import as_json, json_option, run_argument, store_option
from evolve.domain.problem import complete_program
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
)
from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo

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
    _give(store, info, Inject(complete_program(problem, program), note), json_)


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
    order = Hint(str(text), expires_after) if remove is None else RemoveHint(_hint_number(remove))
    _give(store, wiring.find_run(store, run), order, json_)


@steer.command()
@click.argument("step", type=int)
@store_option
@json_option
@click.pass_obj
def pin(run: str, step: int, store: str, json_: bool) -> None:
    """Make program STEP the parent of half of the proposals; several pins share them."""
    _give(store, wiring.find_run(store, run), Pin(step), json_)


@steer.command()
@click.argument("step", type=int)
@store_option
@json_option
@click.pass_obj
def unpin(run: str, step: int, store: str, json_: bool) -> None:
    """End the pin of program STEP."""
    _give(store, wiring.find_run(store, run), Unpin(step), json_)


@steer.command()
@click.argument("step", type=int)
@click.option("--descendants", is_flag=True, help="Nor what was, or will be, edited from it, to any depth.")
@store_option
@json_option
@click.pass_obj
def veto(run: str, step: int, descendants: bool, store: str, json_: bool) -> None:
    """Never use program STEP again: not as parent, inspiration, elite or champion."""
    _give(store, wiring.find_run(store, run), Veto(step, descendants), json_)


@steer.command()
@click.argument("weights", nargs=-1, required=True, metavar="NAME=WEIGHT... | none")
@store_option
@json_option
@click.pass_obj
def weigh(run: str, weights: tuple[str, ...], store: str, json_: bool) -> None:
    """Select by the weighted sum of the gains (higher is better, whatever the direction); none: by all objectives.

    An objective that is not named weighs nothing.
    """
    order = Weigh(None if weights == ("none",) else _weights(weights))
    _give(store, wiring.find_run(store, run), order, json_)


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


def _hint_number(remove: str) -> int | None:
    """Return the number of the hint to take back, None for all. Raises ConfigurationError."""
    if remove == _ALL:
        return None
    if not remove.isdecimal():
        raise ConfigurationError(f"--remove: expected the number of an order, found {remove!r}.")
    return int(remove)


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
