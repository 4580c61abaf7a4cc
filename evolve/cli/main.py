"""The `evolve` command and how its errors are shown."""

from __future__ import annotations

import importlib
import sys

import click

from evolve import __version__
from evolve.errors import EvolveError, nearest

_COMMANDS = {  # name -> module, what it does
    "run": ("evolve.cli.running", "Evolve a problem's program."),
    "resume": ("evolve.cli.running", "Go on with a run that was stopped or cut off."),
    "attach": ("evolve.cli.detaching", "Watch a run that works on a cluster; Ctrl+C detaches."),
    "steer": ("evolve.cli.steering", "Order something of a run: inject, hint, pin, unpin, veto, weigh."),
    "pause": ("evolve.cli.steering", "Have a run finish what is in flight and wait."),
    "stop": ("evolve.cli.steering", "Have a run finish what is in flight and end."),
    "fork": ("evolve.cli.running", "Begin a new run where another one was, with other settings."),
    "replay": ("evolve.cli.running", "Do a recorded run again, offline, and compare."),
    "verify": ("evolve.cli.verifying", "Prove that what is on record is whole."),
    "eval": ("evolve.cli.judging", "Judge programs."),
    "check": ("evolve.cli.judging", "Try a problem folder out; asks no model."),
    "new": ("evolve.cli.creating", "Write a working problem folder, or a package with a plug-in."),
    "import": ("evolve.cli.importing", "Make a problem folder of an OpenEvolve or ShinkaEvolve task, or a command."),
    "runs": ("evolve.cli.looking", "List the runs of a store."),
    "show": ("evolve.cli.looking", "Show a run, or one of its programs."),
    "best": ("evolve.cli.looking", "Print or write a run's best program."),
    "export": ("evolve.cli.sharing", "Write everything on record of a run as JSON lines, CSV or Parquet."),
    "bundle": ("evolve.cli.sharing", "Write a run with its problem to one file, for others."),
    "open": ("evolve.cli.sharing", "Take the run of a bundle into a store, or check the bundle."),
    "track": ("evolve.cli.tracking", "Send a run to MLflow, W&B, TensorBoard or OpenTelemetry."),
    "report": ("evolve.cli.reporting", "Write a run as one HTML file to send to somebody."),
    "ui": ("evolve.cli.viewing", "Show runs in a browser."),
    "store": ("evolve.cli.storing", "Copy and import runs, give up what takes room, say what takes it."),
    "config": ("evolve.cli.config", "Show what is set and from where, and the options there are."),
    "completion": ("evolve.cli.completion", "Print what makes a shell complete commands, settings and names."),
    "doctor": ("evolve.cli.doctor", "Say what works on this machine and what does not."),
    "worker": ("evolve.cli.working", "Judge programs for a run on another machine."),
    "image": ("evolve.cli.images", "Build and list the container images of sandbox=docker."),
    "bench": ("evolve.cli.benching", "Measure the machinery."),
    "mcp": ("evolve.cli.serving", "Serve assistants that speak the Model Context Protocol."),
    "skill": ("evolve.cli.teaching", "Write the skill that teaches an assistant these commands."),
}


_COMPLETE = "__complete"
_FUNCTIONS = {"eval": "eval_", "fork": "fork_", "open": "open_", "import": "import_"}


class _Lazy(click.Group):
    """Loads a command's module only when that command is used, so that help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = vars(module)[_FUNCTIONS.get(cmd_name, cmd_name)]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command {args[0]!r}. {nearest(args[0], _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


def _functions() -> dict[str, tuple[str, str]]:
    """Return command -> module and function."""
    return {name: (module, _FUNCTIONS.get(name, name)) for name, (module, _) in _COMMANDS.items()}


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="evolve")
def command_line() -> None:
    """Evolve programs with language models and syntax operators, scored by judges they cannot reach."""


def main() -> None:
    """Run the command line; expected errors are printed as sentences, without a traceback.

    As ``evolve __complete WORD...`` it is what shells ask: the last word is the one that is being typed.
    """
    if sys.argv[1:2] == [_COMPLETE]:
        from evolve.cli.completing import candidates

        click.echo("".join(f"{word}\n" for word in candidates(sys.argv[2:], _functions())), nl=False)
        return
    try:
        command_line.main(prog_name="evolve")
    except EvolveError as error:
        click.echo(f"evolve: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        click.echo(f"evolve: {error.filename}: {error.strerror}. Check the path and your rights to it.", err=True)
        sys.exit(1)
