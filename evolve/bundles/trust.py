"""How far a run that came from somebody else is trusted.

A run's settings name the classes it was made of, files, servers and variables with keys; its problem is a judge's
code. A run that was opened from a bundle or an export may be looked at and replayed, which needs none of
that but classes that this version has presets of; it is not worked on before its owner says that it is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

import yaml

from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo
from evolve.paths import bundled

OPENED: Final = "opened"
"""Key of a run's provenance: where it came from, and whether it is trusted."""
RENAMED: Final[Mapping[str, str]] = MappingProxyType({})
"""Classes by the names that older versions had for them; whoever renames or moves a class of a preset adds a
line, so that older runs can be replayed and resumed: ``{"evolve.search.old.Name": "evolve.search.new.Name"}``.
"""
FORMER: Final = frozenset({"evolve.search.inspirations.Trajectory"})
"""Classes that presets named once and that are still there. Whoever takes the last preset of a class away, but not
the class, adds it, so that older runs can be replayed."""
_TARGET = "_target_"
_PLAIN_KEYS = frozenset({_TARGET, "_partial_", "_convert_"})


def settings_of(run: RunInfo, renamed: Mapping[str, str] = RENAMED) -> Mapping[str, Any]:
    """Return the settings of a run on record with today's names, for objects to be made of.

    Raises ConfigurationError if the run came from elsewhere, is not trusted, and names what this version has
    no preset of.
    """
    config: Mapping[str, Any] = _today(run.config, renamed)
    reasons = refusals(config) if is_foreign(run) else []
    if reasons:
        version = run.provenance.get("version", "unknown")
        raise ConfigurationError(
            f"Run {run.id!r} was opened from a file (made by version {version}) and cannot be made again here: "
            f"{'; '.join(reasons)}. It can be looked at and exported. If you trust whoever made it, open it "
            "again with --trust."
        )
    return config


def refuse_to_work_on(run: RunInfo) -> None:
    """Raise ConfigurationError for a run that came from elsewhere and is not trusted."""
    if is_foreign(run):
        raise ConfigurationError(
            f"Run {run.id!r} was opened from a file. Working on it runs its judge, which is code of whoever made it, "
            f"and asks the servers that its settings name. Read {run.config.get('problem')} and its settings; "
            "then open the file again with --trust, under another name."
        )


def is_foreign(run: RunInfo) -> bool:
    """Whether a run came from a file and nobody has said that it is trusted."""
    origin = run.provenance.get(OPENED)
    return isinstance(origin, Mapping) and not origin.get("trusted")


def refusals(config: Mapping[str, Any]) -> list[str]:
    """Return why objects should not be made from settings that somebody else wrote."""
    return [*_odd(config, ""), *_files_named(config)]


@cache
def known_targets() -> frozenset[str]:
    """Return the classes that presets of this version name, or of earlier ones."""
    texts = (path.read_text("utf-8") for path in bundled("conf").rglob("*.yaml"))
    return FORMER.union(target for text in texts for target in _targets(yaml.safe_load(text)))


def _targets(data: object) -> Iterator[str]:
    if isinstance(data, Mapping):
        if isinstance(data.get(_TARGET), str):
            yield data[_TARGET]
        for value in data.values():
            yield from _targets(value)
    elif isinstance(data, list):
        for value in data:
            yield from _targets(value)


def _today(value: Any, renamed: Mapping[str, str]) -> Any:
    """Return settings with the names that classes have now."""
    if isinstance(value, Mapping):
        return {
            key: renamed.get(item, item) if key == _TARGET and isinstance(item, str) else _today(item, renamed)
            for key, item in value.items()
        }
    return [_today(item, renamed) for item in value] if isinstance(value, list) else value


def _odd(value: object, where: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{where}.{key}".lstrip(".")
            if str(key).startswith("_") and key not in _PLAIN_KEYS:
                yield f"{place} is no setting"
            elif key == _TARGET and not (isinstance(item, str) and item in known_targets()):
                yield f"{place} is {item!r}, which no preset of this version names"
            yield from _odd(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _odd(item, f"{where}[{index}]")
    elif isinstance(value, str) and "${" in value:
        yield f"{where} refers to something else: {value!r:.60}"


def _files_named(value: object) -> Iterator[str]:
    """Yield what names files of this machine: templates are programs, and pages may be anything."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "template_dir" and item is not None:
                yield f"template_dir is {item!r:.60}: templates of its own"
            elif key == "context_files":
                yield from (f"context_files names {path!r:.60}" for path in _outside(item))
            yield from _files_named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _files_named(item)


def _outside(paths: object) -> list[object]:
    if not isinstance(paths, list):
        return [paths]
    return [
        path
        for path in paths
        if not isinstance(path, str) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
    ]
