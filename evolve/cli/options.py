"""What several commands share: their options, and how values become JSON."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import Any

import click

from evolve.domain.evaluation import Evaluation
from evolve.domain.spread import Spread
from evolve.evaluation.agreement import Agreement
from evolve.store.address import DEFAULT_STORE, public, usual_store


def address(run: str, store: str) -> str:
    """Return what to type for a run of a store, given as ``public`` shows it."""
    named = "" if store == public(usual_store()) else f" --store {shlex.quote(store)}"
    return f"{shlex.quote(run)}{named}"


json_option = click.option("--json", "json_", is_flag=True, help="Print JSON.")
run_argument = click.argument("run")
store_option = click.option(
    "--store",
    default=usual_store,
    show_default=f"$EVOLVE_STORE or {DEFAULT_STORE}",
    help="URL of the store.",
)


def say(line: str) -> None:
    """Tell a person what goes on, beside the output of the command."""
    click.echo(line, err=True)


def as_json(data: object) -> str:
    """Return data as one line of JSON; bytes become text where they are text, else their length."""
    return json.dumps(data, default=_plain, ensure_ascii=False)


def evaluation_data(evaluation: Evaluation) -> dict[str, object]:
    """Return what people and scripts want of an evaluation."""
    return {
        "stage": evaluation.stage,
        "outcome": str(evaluation.outcome),
        "metrics": dict(evaluation.metrics),
        "feedback": evaluation.feedback,
        "seconds": evaluation.seconds,
        "reused": evaluation.reused,
    }


def agreement_data(found: Agreement) -> dict[str, object]:
    """Return how a stage ranks programs beside the last one."""
    return {**asdict(found), "is_low": found.is_low, "in_words": found.in_words()}


def spread_data(spread: Spread) -> dict[str, object]:
    """Return mean, deviation and 95 % interval of repeated measurements; no interval for a single one."""
    known = spread.count > 1
    return {
        "mean": spread.mean,
        "evaluations": spread.count,
        "sd": spread.sd if known else None,
        "interval": [spread.mean - spread.half_width, spread.mean + spread.half_width] if known else None,
    }


def _plain(value: Any) -> object:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return f"{len(value)} bytes"
    return str(value)
