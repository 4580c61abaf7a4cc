"""Which plug-ins are installed, found without importing any of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

GROUP: Final = "evolve.plugins"
"""Name of the entry points."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed package that says it extends evolve.

    Args:
        name: of its entry point.
        package: top-level package that holds its code, ``conf/`` and ``problems/``.
        distribution, version: what was installed, as pip names it.
        folder: where the package lies, or None if it cannot be found.
        fault: why nothing of it can be used; empty if something may be.
    """

    name: str
    package: str
    distribution: str
    version: str
    folder: Path | None
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


def installed_plugins() -> tuple[Plugin, ...]:
    """Return the plug-ins of this environment, by name."""
    return _found(tuple(sys.path))


@cache
def _found(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    return tuple(sorted(map(_plugin, entry_points(group=GROUP)), key=lambda plugin: plugin.name))


def _plugin(entry: EntryPoint) -> Plugin:
    distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("unknown", "unknown")
    folder, fault = _folder_of(entry.value)
    return Plugin(entry.name, entry.value, distribution, version, folder, fault)


def _folder_of(package: str) -> tuple[Path | None, str]:
    if not package.isidentifier():  # looking for a module inside a package would run the package's code
        return None, f"its entry point names {package!r}; expected a top-level package, e.g. my_package"
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None, f"there is no package {package!r}; install it again"
    return Path(next(iter(spec.submodule_search_locations))), ""


def plugin_of(target: str) -> Plugin | None:
    """Return the plug-in whose code a dotted name names, or None."""
    package = target.partition(".")[0]
    return next((plugin for plugin in installed_plugins() if plugin.package == package), None)
