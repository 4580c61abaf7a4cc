"""What can be named: problems, and the options of configuration groups, of evolve and of plug-ins.

Reads folders and YAML, and imports nothing slow, so that a shell can complete names while somebody types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from evolve.paths import bundled
from evolve.plugins.installed import installed_plugins

_OF_ALL: Final = ("experiment", "ablation")
_OF_MUTATION: Final = "operator"
SEVERAL_GROUPS: Final = (*_OF_ALL, _OF_MUTATION)
"""Groups whose options hold settings of other groups."""
TRACKER, TRACKERS = "tracker", "trackers"
"""The group of which several options may be chosen, and where their settings are."""
_OURS: Final = "evolve"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where options and problems of one package lie; either folder may be missing."""

    owner: str
    conf: Path
    problems: Path


def shelves() -> list[Shelf]:
    """Return evolve's own, then those of plug-ins. What comes first is taken where a name is there twice."""
    of_plugins = [
        Shelf(str(plugin), plugin.folder / "conf", plugin.folder / "problems")
        for plugin in installed_plugins()
        if plugin.folder is not None
    ]
    return [Shelf(_OURS, bundled("conf"), bundled("problems")), *of_plugins]


def conf_folders(config_dir: Path | None = None) -> list[Path]:
    """Return the folders of options beside evolve's own: a person's, then those of plug-ins."""
    theirs = [config_dir.resolve()] if config_dir is not None else []
    return theirs + [shelf.conf for shelf in shelves()[1:] if shelf.conf.is_dir()]


# ── problems ──────────────────────────────────────────────────────────────────────────────────
def problem_names() -> list[str]:
    """Return the names of all problems that are not given by path."""
    return sorted({name for shelf in shelves() for name in problems_on(shelf)})


def problems_on(shelf: Shelf) -> dict[str, Path]:
    """Return the problem folders of a package by name; those of a family begin with its folder: ``kernels/softmax``."""
    files = (*shelf.problems.glob("*/problem.yaml"), *shelf.problems.glob("*/*/problem.yaml"))
    named = {file.parent.relative_to(shelf.problems).as_posix(): file.parent for file in files}
    return {name: folder for name, folder in named.items() if not name.startswith("_")}


def problem_folder(name: str) -> Path | None:
    """Return the folder of a problem that has a name, or None."""
    return next((found[name] for found in map(problems_on, shelves()) if name in found), None)


# ── options ───────────────────────────────────────────────────────────────────────────────────
def groups() -> list[str]:
    """Return the names of the configuration groups."""
    return sorted({path.parent.name for shelf in shelves() for path in options_on(shelf)})


def options(group: str) -> list[str]:
    """Return the names of the options of a group."""
    return sorted({path.stem for shelf in shelves() for path in shelf.conf.glob(f"{group}/*.yaml")})


def options_on(shelf: Shelf) -> list[Path]:
    """Return the files of a package's options."""
    return sorted(shelf.conf.glob("*/*.yaml"))


def option_file(group: str, name: str) -> Path | None:
    """Return the file of an option, or None."""
    files = (shelf.conf / group / f"{name}.yaml" for shelf in shelves())
    return next((path for path in files if path.is_file()), None)


def hidden() -> list[tuple[str, str]]:
    """Return (owner, what) of options and problems of plug-ins whose name an earlier package has already."""
    taken: set[str] = set()
    found: list[tuple[str, str]] = []
    for shelf in shelves():
        names = [f"{path.parent.name}={path.stem}" for path in options_on(shelf)]
        names += [f"problem={name}" for name in problems_on(shelf)]
        found += [(shelf.owner, name) for name in names if name in taken]
        taken.update(names)
    return found


# ── settings ──────────────────────────────────────────────────────────────────────────────────
def known_keys() -> set[str]:
    """Return every key that some option or the main configuration has, and the names of the groups."""
    keys: set[str] = set()
    for shelf in shelves():
        for path in (shelf.conf / "config.yaml", *options_on(shelf)):
            keys.update(_keys_of(path))
    return (keys | set(groups())) - {""}


def _keys_of(path: Path) -> Iterator[str]:
    if not path.is_file() or path.parent.name in _OF_ALL:
        return
    prefix = "" if path.name == "config.yaml" else f"{_place(path)}."
    yield prefix.removesuffix(".")
    for key in dotted_keys(as_yaml_has_it(path)):
        if not key.startswith("defaults"):
            yield prefix + key


def _place(path: Path) -> str:
    """Return where the settings of an option are."""
    group = path.parent.name
    if group == TRACKER:
        return f"{TRACKERS}.{path.stem}"
    return "mutation" if group == _OF_MUTATION else group


def as_yaml_has_it(path: Path) -> Any:
    """Return what a YAML file says; nothing where it cannot be read, which Hydra will say when it is used."""
    try:
        return yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def dotted_keys(data: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every mapping and value."""
    for key, value in data.items() if isinstance(data, dict) else ():
        yield f"{prefix}{key}"
        yield from dotted_keys(value, f"{prefix}{key}.")
