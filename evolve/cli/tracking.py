"""track: a run on record, sent to another system."""

from __future__ import annotations

import click

from evolve import configuration, wiring
from evolve.cli.judging import set_option
from evolve.cli.looking import opened_store
from evolve.cli.options import as_json, json_option, run_argument, say, store_option
from evolve.errors import ConfigurationError
from evolve.tracking.follower import send


@click.command()
@run_argument
@click.option(
    "--tracker",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help="An option of conf/tracker; may be repeated.",
)
@set_option
@store_option
@json_option
def track(run: str, names: tuple[str, ...], overrides: tuple[str, ...], store: str, json_: bool) -> None:
    """Send what is on record of RUN to a tracker, and what it has already only once:

    evolve track RUN --tracker mlflow --set trackers.mlflow.uri=http://HOST:5000
    """
    info = wiring.find_run(store, run)
    config = configuration.configure(["problem=none", f"tracker=[{','.join(names)}]", *overrides])
    trackers = wiring.build_trackers(config)
    for name, tracker in trackers.items():
        if not tracker.afterwards:
            raise ConfigurationError(
                f"tracker={name} answers while a run works; afterwards there is nothing to send to."
            )
    sent = {}
    with opened_store(store) as opened:
        for name, tracker in trackers.items():
            sent[name] = send(tracker, opened, info.id)
            say(f"{name}: {sent[name]} attempts")
    if json_:
        click.echo(as_json({"run": info.id, "sent": sent}))
