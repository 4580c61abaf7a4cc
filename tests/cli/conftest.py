from cli_support import evolve

__all__ = ["evolve"]
