"""What an extra has to bring."""

from __future__ import annotations

from importlib.util import find_spec

from evolve.errors import ConfigurationError


def need(package: str, extra: str) -> None:
    """Raise ConfigurationError, which says how to install it, where a package is missing. Loads nothing of it."""
    top, _, _ = package.partition(".")
    if find_spec(top) is None or find_spec(package) is None:
        raise ConfigurationError(
            f"tracker={extra} needs the package {package}. Install it: pip install 'evolve-search[{extra}]'"
        )
