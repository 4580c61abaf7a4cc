"""Budgets as people say them: ``"200 evaluations, 10 minutes, 2 USD"``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields

from evolve.controller.budget import Budget
from evolve.errors import ConfigurationError, nearest

Limits = Mapping[str, float | None]
"""Limits by the names that :class:`evolve.controller.budget.Budget` has for them; None is no limit."""

_UNITS: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("evaluations", "evaluation"), ("evaluations", 1)),
    **dict.fromkeys(("proposals", "proposal"), ("proposals", 1)),
    **dict.fromkeys(("seconds", "second", "s"), ("wall_s", 1)),
    **dict.fromkeys(("minutes", "minute", "min"), ("wall_s", 60)),
    **dict.fromkeys(("hours", "hour", "h"), ("wall_s", 3600)),
    **dict.fromkeys(("days", "day"), ("wall_s", 86400)),
    **dict.fromkeys(("usd", "dollars", "dollar", "$"), ("cost_usd", 1)),
    **dict.fromkeys(("calls", "call", "model calls", "model call"), ("calls", 1)),
    **dict.fromkeys(("tokens", "token"), ("tokens", 1)),
    **dict.fromkeys(("gpu seconds", "gpu-seconds", "gpu s"), ("gpu_s", 1)),
    **dict.fromkeys(("gpu hours", "gpu-hours", "gpu hour", "gpu h"), ("gpu_s", 3600)),
}
_SEPARATOR = re.compile(r"(?<!\d),|,(?!\d{3}\b)|;|\band\b")
_PART = re.compile(r"(?P<dollar>\$?)\s*(?P<number>\d[\d,_]*(?:\.\d+)?(?:e\d+)?)\s*(?P<unit>.*)", re.IGNORECASE)
_EXAMPLE = '"200 evaluations, 10 minutes, 2 USD"'
_COUNTS = frozenset({"evaluations", "proposals", "calls", "tokens"})
_SURE = frozenset({"evaluations", "proposals", "wall_s"})
_PAID = frozenset({"cost_usd", "calls", "tokens"})


def limits_of(budget: str | Limits) -> dict[str, float | None]:
    """Return the limits that a text or a mapping names. Raises ConfigurationError with the nearest word or name."""
    return dict(_spoken(budget)) if isinstance(budget, str) else dict(_named(budget))


def without_idle_clock(limits: Limits, *, asks_model: bool) -> dict[str, float | None]:
    """Return limits without the default one on time, where another is sure to end the run."""
    enough = _SURE | _PAID if asks_model else _SURE
    ends = any(limit is not None and name in enough for name, limit in limits.items())
    return {"wall_s": None, **limits} if ends else dict(limits)


def _spoken(text: str) -> Iterator[tuple[str, float]]:
    seen: set[str] = set()
    for part in filter(None, (part.strip() for part in _SEPARATOR.split(text))):
        name, limit = _limit(part)
        if name in seen:
            raise ConfigurationError(f"budget: {text!r} limits {name} twice.")
        seen.add(name)
        yield name, limit
    if not seen:
        raise ConfigurationError(f"budget: expected limits like {_EXAMPLE}, found {text!r}.")


def _limit(part: str) -> tuple[str, float]:
    found = _PART.fullmatch(part)
    if found is None:
        raise ConfigurationError(f"budget: expected a number and a unit, like {_EXAMPLE}, found {part!r}.")
    unit = " ".join(found["unit"].lower().split()) or found["dollar"]
    if unit not in _UNITS:
        raise ConfigurationError(f"budget: {part!r} has no unit {unit!r}. {nearest(unit, _UNITS)}")
    name, factor = _UNITS[unit]
    value = float(found["number"].replace(",", "").replace("_", "")) * factor
    if name in _COUNTS and not value.is_integer():
        raise ConfigurationError(f"budget: expected a whole number of {name}, found {part!r}.")
    return name, int(value) if name in _COUNTS else value


def _named(limits: Limits) -> Iterator[tuple[str, float | None]]:
    known = [limit.name for limit in fields(Budget)]
    for name, limit in limits.items():
        if name not in known:
            raise ConfigurationError(f"budget has no limit {name!r}. {nearest(str(name), known)}")
        yield name, limit
