"""verify: an independent look at what is on record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

import click

from evolve import wiring
from evolve.cli.looking import opened_store
from evolve.cli.options import as_json, json_option, say, store_option
from evolve.cli.running import replayed
from evolve.controller.retention import in_words
from evolve.errors import ConfigurationError, ProblemError
from evolve.interfaces import PRUNED, RunInfo
from evolve.store.checker import Checker
from evolve.store.findings import Finding, Rule

_SHOWN = 20
"""Findings of one rule that are printed; a damaged file has as many as rows."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of a run. ``not_replayed`` says why it could not be done again, if it could not."""

    run: str
    attempts: int
    findings: Sequence[Finding]
    not_replayed: str = ""


@click.command()
@click.argument("run", required=False)
@click.option("--all", "every", is_flag=True, help="Every run of the store.")
@click.option("--replay/--no-replay", default=True, show_default=True, help="Do the run again from its record as well.")
@store_option
@json_option
def verify(run: str | None, every: bool, replay: bool, store: str, json_: bool) -> None:
    """Prove that RUN's record is whole: nothing lost, doubled or paid twice, every file readable, every total right.

    The record is read by code of its own, and the run is done again from it. Exit code 1 with findings.
    """
    if (run is None) != every:
        raise ConfigurationError("Give a RUN, or --all for every run of the store.")
    infos = [wiring.find_run(store, run)] if run is not None else _runs(store)
    clean = True
    with closing(Checker(store)) as checker:
        for info in infos:
            found = verified(checker, store, info, replay)
            clean = clean and not found.findings
            click.echo(as_json(asdict(found))) if json_ else _print(found)
    sys.exit(0 if clean else 1)


def _runs(store: str) -> Sequence[RunInfo]:
    with opened_store(store) as opened:
        return opened.runs()


def verified(checker: Checker, store: str, info: RunInfo, replay: bool) -> Verified:
    """Look at a run; ``info`` is what the store said of it. Raises StoreError."""
    findings = checker.check(info)
    if _is_at_work(store, info):  # its totals were read at another moment than its rows
        findings = [finding for finding in findings if finding.what is not Rule.TOTALS]
    obstacle = _obstacle(store, info, findings) if replay else ""
    if not replay or obstacle:
        return Verified(info.id, info.proposals, findings, obstacle)
    try:
        again = replayed(store, info)
    except (ProblemError, ConfigurationError) as error:
        return Verified(info.id, info.proposals, findings, str(error))
    difference = again.difference
    if difference is not None:
        where = f"step {difference.step}, {difference.what}"
        findings = [*findings, Finding(Rule.REPLAY, where, difference.recorded, difference.replayed)]
    pruned = "; ".join(f"{what} of steps {in_words(steps)} were pruned" for what, steps in again.untold.items())
    return Verified(info.id, info.proposals, findings, pruned)


def _is_at_work(store: str, info: RunInfo) -> bool:
    with opened_store(store) as opened:
        return opened.holder(info.id) is not None


def _obstacle(store: str, info: RunInfo, findings: Sequence[Finding]) -> str:
    """Return why a run cannot be done again from its record, if so."""
    if any(finding.what not in (Rule.TOTALS, Rule.COUNTS) for finding in findings):
        return "the record is not whole"
    with opened_store(store) as opened:
        pruned = any(event.kind == PRUNED for _, event in opened.events(info.id))
    return "prompts, answers or artifacts were pruned" if pruned else ""


def _print(verified: Verified) -> None:
    rest = f" Not done again: {verified.not_replayed}." if verified.not_replayed else ""
    if not verified.findings:
        click.echo(f"{verified.run}: {verified.attempts} attempts, nothing wrong.{rest}")
        return
    click.echo(f"{verified.run}: {len(verified.findings)} findings in {verified.attempts} attempts.{rest}")
    for rule in Rule:
        found = [finding for finding in verified.findings if finding.what is rule]
        if found:
            click.echo(f"  {rule}: {rule.meaning}")
        for finding in found[:_SHOWN]:
            click.echo(f"    {finding.where}: expected {finding.expected}, found {finding.found}")
        if len(found) > _SHOWN:
            say(f"    ... and {len(found) - _SHOWN} more")
