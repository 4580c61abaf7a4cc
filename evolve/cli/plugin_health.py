"""What doctor says of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve import catalogue
from evolve.catalogue import Shelf
from evolve.domain.problem import Problem
from evolve.errors import EvolveError
from evolve.plugins.installed import installed_plugins
from evolve.plugins.locating import locate


def plugin_health() -> list[tuple[str, str]]:
    """Return (state, sentence) of each plug-in, and of what of it cannot be used. Imports their classes."""
    plugins = installed_plugins()
    if not plugins:
        return [("ok", "none is installed; `evolve new --plugin KIND NAME` writes one")]
    faulty = [("fail", f"{plugin}: {plugin.fault}") for plugin in plugins if plugin.fault]
    found = [line for shelf in catalogue.shelves()[1:] for line in _of(shelf)]
    covered = [("note", f"{owner}: {name} is not used: that name is taken") for owner, name in catalogue.hidden()]
    return [*faulty, *found, *covered]


def _of(shelf: Shelf) -> Iterator[tuple[str, str]]:
    options, problems = catalogue.options_on(shelf), catalogue.problems_on(shelf)
    names = [f"{path.parent.name}={path.stem}" for path in options] + [f"problem={name}" for name in problems]
    wrong = [*(fault for path in options for fault in _faults(path.stem, catalogue.as_yaml_has_it(path)))]
    for folder in problems.values():
        try:
            Problem.load(folder)
        except EvolveError as error:
            wrong.append(str(error))
    if not names:
        wrong.append("it has no option in conf/GROUP/ and no folder in problems/")
    yield from (("fail", f"{shelf.owner}: {fault}") for fault in wrong)
    if not wrong:
        yield "ok", f"{shelf.owner}: {', '.join(names)}"


def _faults(where: str, settings: Any) -> Iterator[str]:
    """Yield why what an option names cannot be imported."""
    if not isinstance(settings, dict):
        yield f"{where}.yaml cannot be read, or holds no settings"
        return
    for key, value in settings.items():
        if key == "_target_":
            try:
                locate(str(value), where)
            except EvolveError as error:
                yield str(error)
        elif isinstance(value, dict):
            yield from _faults(f"{where}.{key}", value)
