from tests.cli.cli_support import evolve

__all__ = ["evolve"]
