"""Where each setting of a configuration comes from, and what its file says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import initialize_config_dir
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from evolve.catalogue import as_yaml_has_it, conf_folders, groups
from evolve.configuration import Config, composing, configure, normal_form, parsed
from evolve.paths import bundled
from evolve.plugins.installed import installed_plugins

COMMAND_LINE = "command line"
DEFAULT = "default"
_COMMENT = re.compile(r"\s*#\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as a run would have it.

    Args:
        key: dotted.
        value: resolved; a list or a single value.
        source: ``default``, ``command line``, ``plug-in NAME``, the option that has it (``search=greedy``), or why
            that option was chosen where nobody did.
        file: where it is written; empty for the command line.
        comment: what is said of it there, its unit among it.
    """

    key: str
    value: object
    source: str
    file: str
    comment: str


@dataclass(frozen=True, slots=True)
class _Origin:
    source: str
    file: str
    comment: str


def settings_with_origins(
    overrides: Sequence[str], config_dir: Path | None = None, chosen: Mapping[str, str] | None = None
) -> list[Setting]:
    """Return every setting in the order of the configuration.

    Args:
        overrides: as for a run.
        config_dir: a folder with more options.
        chosen: why an override is there that nobody gave: override -> reason.

    Raises ConfigurationError.
    """
    reasons = dict(chosen or {})
    config = configure([*reasons, *overrides], config_dir)
    reason_of_group = {override.partition("=")[0]: why for override, why in reasons.items()}
    origins = _of_files([*reasons, *overrides], config_dir, reason_of_group)
    given = [parsed(part.lstrip("+~"))[0] for override in overrides for part in normal_form(override)]
    given = [key for key in given if key not in groups()]
    return [_setting(key, value, origins, given) for key, value in _leaves(config)]


def _setting(key: str, value: object, origins: Mapping[str, _Origin], given: Sequence[str]) -> Setting:
    found = origins.get(key) or next((origins[above] for above in _above(key) if above in origins), None)
    comment = found.comment if found is not None else ""
    if any(key == name or key.startswith(f"{name}.") for name in given):
        return Setting(key, value, COMMAND_LINE, "", comment)
    if found is None:
        return Setting(key, value, DEFAULT, "", comment)
    return Setting(key, value, found.source, found.file, comment)


def _above(key: str) -> Iterator[str]:
    while "." in key:
        key = key.rpartition(".")[0]
        yield key


def _leaves(settings: Config, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# ── files ─────────────────────────────────────────────────────────────────────────────────────
def _of_files(overrides: Sequence[str], config_dir: Path | None, reasons: Mapping[str, str]) -> dict[str, _Origin]:
    """Return what is written in the files that a configuration is made of; the last word of each key counts."""
    folders = [bundled("conf"), *conf_folders(config_dir)]
    usual = _usual_options()
    found: dict[str, _Origin] = {}
    for part in _parts(composing(overrides, config_dir)):
        name = str(part.config_path)
        path = next((path for path in (folder / f"{name}.yaml" for folder in folders) if path.is_file()), None)
        if path is None or name.startswith("hydra/"):
            continue
        source = _source(name, path, usual, reasons)
        prefix = f"{part.package}." if part.package else ""
        for key, comment in comments(path).items():
            found[prefix + key] = _Origin(source, _shown(path), comment or _known_comment(found, prefix + key))
    return found


def _known_comment(found: Mapping[str, _Origin], key: str) -> str:
    return found[key].comment if key in found else ""


def _parts(arguments: Sequence[str]) -> Sequence[ResultDefault]:
    with initialize_config_dir(config_dir=str(bundled("conf")), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        parts: Sequence[ResultDefault] = loader.compute_defaults_list("config", list(arguments), RunMode.RUN).defaults
        return parts


def _usual_options() -> set[str]:
    """Return ``GROUP/OPTION`` of what is used unless something else is chosen."""
    defaults = as_yaml_has_it(bundled("conf") / "config.yaml")["defaults"]
    return {f"{group}/{option}" for item in defaults if isinstance(item, dict) for group, option in item.items()}


def _source(name: str, path: Path, usual: set[str], reasons: Mapping[str, str]) -> str:
    owner = next((p.name for p in installed_plugins() if p.folder is not None and p.folder in path.parents), None)
    if owner is not None:
        return f"plug-in {owner}"
    group, _, option = name.rpartition("/")
    if group in reasons:
        return reasons[group]
    return DEFAULT if name in usual or not group else f"{group}={option}"


def _shown(path: Path) -> str:
    root = bundled("conf").parent
    return str(path.relative_to(root)) if root in path.parents else str(path)


# ── comments ──────────────────────────────────────────────────────────────────────────────────
def heading(path: Path) -> str:
    """Return the first sentence of comment of an option's file, without its mark."""
    lines = (line for line in path.read_text("utf-8").splitlines() if not line.startswith("# @package"))
    first = next(lines, "")
    return first.lstrip("# ").strip() if first.startswith("#") else ""


def comments(path: Path) -> dict[str, str]:
    """Return dotted key -> what stands beside it, or in the lines above it."""
    text = path.read_text("utf-8")
    node = yaml.compose(text, yaml.SafeLoader)
    return dict(_commented(node, text.splitlines(), "", "")) if isinstance(node, yaml.MappingNode) else {}


def _commented(node: yaml.MappingNode, lines: Sequence[str], prefix: str, around: str) -> Iterator[tuple[str, str]]:
    for key, value in node.value:
        if not prefix and key.value == "defaults":
            continue
        said = _beside(value, lines) or _over(key, lines) or around
        yield f"{prefix}{key.value}", said
        if isinstance(value, yaml.MappingNode):
            yield from _commented(value, lines, f"{prefix}{key.value}.", said if value.flow_style else "")


def _beside(value: yaml.Node, lines: Sequence[str]) -> str:
    end = value.end_mark
    rest = lines[end.line][end.column :] if end.line < len(lines) else ""
    found = _COMMENT.fullmatch(rest) if not isinstance(value, yaml.CollectionNode) or value.flow_style else None
    return found.group(1) if found else ""


def _over(key: yaml.Node, lines: Sequence[str]) -> str:
    said: list[str] = []
    for line in reversed(lines[: key.start_mark.line]):
        found = _COMMENT.fullmatch(line)
        if found is None or found.group(1).startswith("@package"):
            break
        said.insert(0, found.group(1))
    return " ".join(said)


def plain(value: Any) -> str:
    """Return a value as YAML writes it, in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.strip().removesuffix("...").strip()
