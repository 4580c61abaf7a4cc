"""Keywords of a call as the overrides that the command line takes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from evolve.api.budget_words import Limits, limits_of, without_idle_clock
from evolve.configuration import quoted
from evolve.errors import ConfigurationError, nearest
from evolve.store.address import is_postgres, usual_store


class Settings(TypedDict, total=False):
    """What :func:`evolve.optimize` takes beside problem and budget; said there."""

    search: str | None
    llm: str | None
    sandbox: str | None
    executor: str | None
    params: Mapping[str, object] | None
    seed: int
    run: str | None
    store: str | os.PathLike[str] | None
    overrides: Sequence[str]
    config_dir: str | os.PathLike[str] | None


def store_url(store: str | os.PathLike[str] | None) -> str:
    """Return the URL of a store: of a SQLite file by its path, of the usual one for None; absolute, so that it
    stays the same when the working folder changes."""
    given = os.fspath(store) if store is not None else usual_store()
    if is_postgres(given):
        return given
    return f"sqlite:///{Path(given.removeprefix('sqlite:///')).resolve()}"


def budget_overrides(budget: str | Limits | None) -> list[str]:
    """Return the overrides of the limits that a budget names. Raises ConfigurationError."""
    return [f"budget.{name}={literal(limit)}" for name, limit in limits_of(budget or {}).items()]


def overrides_of(budget: str | Limits | None, settings: Settings) -> list[str]:
    """Return what ``evolve run`` would be told. Raises ConfigurationError with the nearest name of a wrong one."""
    for name in settings:
        if name not in Settings.__annotations__:
            raise ConfigurationError(f"There is no setting {name!r}. {nearest(name, Settings.__annotations__)}")
    limits = limits_of(budget or {})
    overrides = [*_chosen(settings), *settings.get("overrides", ())]
    limits = without_idle_clock(limits, asks_model=_asks_model(overrides))
    return [*budget_overrides(limits), *overrides]


def _chosen(settings: Settings) -> Iterator[str]:
    for group in ("search", "llm", "sandbox", "executor"):
        option = settings.get(group)
        if option is not None:
            yield f"{group}={option}"
    yield from (f"params.{name}={literal(value)}" for name, value in (settings.get("params") or {}).items())
    yield f"seed={literal(settings.get('seed', 0))}"
    run = settings.get("run")
    if run is not None:
        yield f"run={quoted(run)}"
    url = store_url(settings.get("store"))
    yield f"store={'postgres' if is_postgres(url) else 'sqlite'}"
    yield f"store.url={quoted(url)}"


def problems_folder(url: str) -> Path:
    """Return the folder for problems that are written as functions: beside a store that is a file."""
    return Path("runs" if is_postgres(url) else Path(url.removeprefix("sqlite:///")).parent, "problems").resolve()


def _asks_model(overrides: Sequence[str]) -> bool:
    chosen = [value for key, _, value in (override.partition("=") for override in overrides) if key == "llm"]
    return bool(chosen) and chosen[-1] != "none"


def literal(value: object) -> str:
    """Return a plain value as Hydra reads it. Raises ConfigurationError for others."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(_pairs(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(literal, value)) + "]"
    raise ConfigurationError(
        f"expected a number, text, true or false, None, or lists and mappings of them, found {value!r:.80}."
    )


def _pairs(values: Mapping[object, object]) -> Iterator[str]:
    for name, value in values.items():
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", str(name)):
            raise ConfigurationError(
                f"expected names of letters, digits, '_', '.' and '-' in a mapping, found {name!r}."
            )
        yield f"{name}:{literal(value)}"
