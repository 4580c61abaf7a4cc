"""The class behind a name in a configuration."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from evolve.errors import ConfigurationError
from evolve.plugins.installed import plugin_of


def locate(target: str, where: str) -> Any:
    """Import what a dotted name names. Raises ConfigurationError, whatever importing it raises."""
    try:
        return resolve_name(target)
    except Exception as error:  # code of others runs here
        raise ConfigurationError(f"{where}: {target} cannot be imported: {_reason(error)}. {_whose(target)}") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).rstrip('.')}"


def _whose(target: str) -> str:
    package = target.partition(".")[0]
    if package == "evolve":
        return "Was the run, or the option, made with another version of evolve?"
    plugin = plugin_of(target)
    if plugin is None:
        return f"No installed plug-in has a package {package!r}: install the one that does."
    return f"It belongs to the plug-in {plugin}: `evolve doctor` looks at plug-ins."
