"""The command line: parse, call, print."""

from evolve.cli.main import main

__all__ = ["main"]
