"""From conf/ and overrides to a configuration: plain data, checked, with the nearest name where one is wrong."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evolve.catalogue import (
    SEVERAL_GROUPS,
    TRACKER,
    TRACKERS,
    conf_folders,
    groups,
    known_keys,
    option_file,
    options,
    problem_names,
)
from evolve.errors import ConfigurationError, nearest
from evolve.paths import bundled

Config = Mapping[str, Any]

_HYDRA = threading.Lock()
"""Held while Hydra composes: where it looks for options is a global of the process."""

_NAMES = ("problem", "run", "store.url")

_PLAIN = re.compile(r"""[\w./:~+-]*|.*[,'"$\\].*""", re.ASCII)
"""What is passed on as it is: plain words, and what its author has quoted, made of parts or listed."""


def usable_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def configure(overrides: Sequence[str], config_dir: Path | None = None) -> Config:
    """Compose ``conf/`` with overrides; return the resolved configuration as plain data.

    Raises ConfigurationError that names the nearest valid key or option.
    """
    register_resolvers()
    arguments = composing(overrides, config_dir)
    with _HYDRA, initialize_config_dir(config_dir=str(bundled("conf")), version_base="1.3"):
        try:
            config = compose("config", arguments)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(_explain(error, arguments)) from error
    return as_data(config)


def composing(overrides: Sequence[str], config_dir: Path | None = None) -> list[str]:
    """Return overrides as Hydra wants them, and where else it finds options. Raises ConfigurationError."""
    return [*_search_path(config_dir), *(part for override in overrides for part in normal_form(override))]


def _search_path(config_dir: Path | None) -> list[str]:
    """Return the override that names the folders of options beside evolve's own, if there are any."""
    folders = [quoted(f"file://{folder}") for folder in conf_folders(config_dir)]
    return [f"hydra.searchpath=[{','.join(folders)}]"] if folders else []


def as_data(config: DictConfig) -> Config:
    """Return a composed configuration as plain, resolved data. Raises ConfigurationError."""
    try:
        data = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "a setting"
        hint = f"Problems: {', '.join(problem_names())}." if key == "problem" else ""
        raise ConfigurationError(f"{key} has no value: give it as {key}=VALUE. {hint}".strip()) from error
    return cast(Config, data)


def as_yaml(config: Config) -> str:
    """Return a configuration as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def option(group: str, name: str) -> Config:
    """Return an option of a config group as it is written, without what it refers to. Raises ConfigurationError."""
    path = option_file(group, name)
    if path is None:
        raise ConfigurationError(f"{group} has no option {name!r}. {nearest(name, options(group))}")
    return cast(Config, OmegaConf.to_container(OmegaConf.load(path)))


def for_resume(config: Config, overrides: Sequence[str]) -> Config:
    """Return a stored configuration with some ``budget.KEY=VALUE``, the sandbox or the executor changed.

    Sandbox and executor are where programs run, not what they score: another machine may have others.
    Raises ConfigurationError.
    """
    budget = dict(config["budget"])
    for override in overrides:
        key, value = parsed(override)
        if key == TRACKER:
            config = {**config, TRACKERS: configure(["problem=none", override])[TRACKERS]}
            continue
        if key.startswith(f"{TRACKERS}."):
            config = _with(config, key.split("."), value, key)
            continue
        if key in ("sandbox", "executor"):
            config = {**config, key: configure(["problem=none", override])[key]}
            if key == "executor":  # its controller is here, unless that is asked for too
                config = {**config, "controller": {**config["controller"], "detached": False}}
            continue
        if key.startswith("executor.") or key == "controller.detached":
            config = _with(config, key.split("."), value, key)
            continue
        name = key.removeprefix("budget.")
        if name == key or name not in budget:
            known = [f"budget.{known}" for known in budget]
            raise ConfigurationError(
                f"A resumed run takes settings of its budget, sandbox=NAME, executor=NAME and tracker=NAME "
                f"only, not {key!r}. "
                f"{nearest(key, known)}"
            )
        budget[name] = value
    return {**config, "budget": budget}


def for_fork(config: Config, overrides: Sequence[str]) -> Config:
    """Return a stored configuration with options of groups, or single settings, changed; the problem stays.

    Raises ConfigurationError.
    """
    changed: dict[str, Any] = {**config, "run": None, "study": None}
    for override in (part for given in overrides for part in normal_form(given)):
        key, value = parsed(override)
        if key in ("problem", "store") or key.startswith(("params.", "store.")):
            raise ConfigurationError(f"A fork keeps its {key.partition('.')[0]}; {key!r} cannot be changed.")
        if key in SEVERAL_GROUPS:
            raise ConfigurationError(f"A fork takes options and settings one by one, not an {key}.")
        if key == TRACKER:
            changed[TRACKERS] = configure(["problem=none", override])[TRACKERS]
        elif key in groups():
            changed[key] = configure(["problem=none", override])[key]
        else:
            changed = _with(changed, key.split("."), value, key)
    return changed


def _with(settings: Mapping[str, Any], path: Sequence[str], value: object, key: str) -> dict[str, Any]:
    name, *rest = path
    if name not in settings:
        raise ConfigurationError(f"There is no setting {key!r} in this run. {nearest(name, settings)}")
    inner = settings[name]
    if rest and not isinstance(inner, Mapping):
        raise ConfigurationError(f"There is no setting {key!r} in this run: {name} is a single value.")
    return {**settings, name: _with(inner, rest, value, key) if rest else value}


def parsed(override: str) -> tuple[str, Any]:
    """Return key and value of ``KEY=VALUE``, read as ``run`` reads it. Raises ConfigurationError."""
    try:
        read = OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise ConfigurationError(_unreadable(override)) from error
    return read.key_or_group, read.value()


def _unreadable(override: str) -> str:
    key, separator, value = override.lstrip("+~").partition("=")
    if not separator:
        return f"{key!r} is not of the form key=value."
    return f"The value of {key}={value} cannot be read. Put a text with special characters in quotes: \"{key}='TEXT'\"."


def sweep(arguments: Sequence[str], run: Callable[[Config, Sequence[str]], float | None]) -> None:
    """Let Hydra's sweeper have ``run`` called for each combination of values, with the overrides that made it.

    What ``run`` returns is what a sweeper that optimises is told. Another launcher may call it elsewhere.
    """
    register_resolvers()
    sys.argv = ["evolve run", "--multirun", *arguments]

    @hydra.main(config_path=str(bundled("conf")), config_name="config", version_base="1.3")
    def once(config: DictConfig) -> float | None:
        register_resolvers()  # a launcher may have brought this to another process
        settings = {key: value for key, value in as_data(config).items() if key != "hydra"}
        return run(settings, list(HydraConfig.get().overrides.task))

    once()


def register_resolvers() -> None:
    """Make ``${cores:}`` known to OmegaConf."""
    if not OmegaConf.has_resolver("cores"):
        OmegaConf.register_new_resolver("cores", usable_cores)


def normal_form(override: str) -> list[str]:
    """Return an override as Hydra wants it.

    ``params.NAME=`` may name any parameter of the problem. Names and paths may hold spaces and
    letters of any language; with commas they are several, for a sweep. ``llm=`` takes a preset of conf/llm, a
    model name as litellm knows it, or the URL of an OpenAI-compatible server with ``#MODEL``.
    """
    if override.startswith(("params.", "objective_weights.")):
        return [f"++{override}"]
    key, separator, value = override.partition("=")
    if key in _NAMES and not _PLAIN.fullmatch(value):
        return [f"{key}={quoted(value)}"]
    if key != "llm" or value in options("llm"):
        return [override]
    if separator and not value:
        known = ", ".join(options("llm"))
        raise ConfigurationError(
            f"llm has no value: expected {known}, the name of a model, or http://HOST:PORT/v1#MODEL."
        )
    if re.match(r"https?://", value):
        url, _, model = value.partition("#")
        return ["llm=single", f"llm.model='openai/{model or 'default'}'", f"llm.api_base='{url}'"]
    return ["llm=single", f"llm.model='{value}'"]


def quoted(text: str) -> str:
    """Return a text as a value that Hydra takes literally."""
    return "'" + re.sub(r"(\\*)'", r"\1\1\'", text) + "'"


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    known = known_keys()
    for override in overrides:
        key, separator, value = override.lstrip("+~").partition("=")
        if not separator:
            return _unreadable(override)
        if key in groups():
            unknown = [name for name in value.strip("[]").split(",") if name and name not in options(key)]
            if unknown:
                return f"{key} has no option {unknown[0]!r}. {nearest(unknown[0], options(key))}"
        elif not override.startswith(("+", "hydra.")) and key not in known:
            return f"There is no setting {key!r}. {_nearest_key(key, known)}"
    return _not_in_option(str(error), overrides)


def _not_in_option(said: str, overrides: Sequence[str]) -> str:
    """Explain a setting that another option of its group has, but not the one that is chosen."""
    found = re.search(r"Could not override '(([a-z_]+)\.[^']+)'", said)
    if found is None:
        return said
    key, group = found.groups()
    chosen = [value for name, _, value in (o.lstrip("+").partition("=") for o in overrides) if name == group]
    option = f"{group}={chosen[-1]}" if chosen else f"the default option of {group}"
    return f"{option} has no setting {key!r}. `evolve run ... --cfg job` prints the settings that apply."


def _nearest_key(key: str, keys: set[str]) -> str:
    known = {name for name in keys if not name.startswith(("hydra", "defaults")) and "_target_" not in name}
    same_end = sorted(name for name in known if name.endswith(f".{key}"))
    if same_end:
        highest = min(name.count(".") for name in same_end)
        same_end = [name for name in same_end if name.count(".") == highest]
        return f"Did you mean {' or '.join(map(repr, same_end))}?"
    parent = key.rpartition(".")[0]
    while parent and parent not in known:
        parent = parent.rpartition(".")[0]
    return nearest(key, {name for name in known if name.rpartition(".")[0] == parent})
