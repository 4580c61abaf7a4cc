"""Plain values of a configuration beside the signature that will receive them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from evolve.errors import ConfigurationError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}


def check_arguments(target: Callable[..., object], values: Mapping[str, Any], where: str) -> None:
    """Raise ConfigurationError for the first value that does not fit its parameter's type.

    Only numbers, texts, switches and choices are looked at; other types, and names that the target
    does not know, are left to the call.
    """
    hints = _hints(target)
    for name, value in values.items():
        if name in hints:
            check_value(value, hints[name], f"{where}.{name}")


def _hints(target: Callable[..., object]) -> dict[str, Any]:
    """Return the types of a callable's parameters; none where they are imported for type checkers alone."""
    maker = target
    if isinstance(target, type):
        maker = next(vars(kind)["__init__"] for kind in target.__mro__ if "__init__" in vars(kind))
    try:
        return get_type_hints(maker)
    except NameError:
        return {}


def check_value(value: object, hint: Any, where: str) -> None:
    """Raise ConfigurationError unless ``value`` fits a type of plain values; other types are not judged."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if all(kind in _WORDS or _choices(kind) for kind in kinds) and not any(_fits(value, kind) for kind in kinds):
        expected = " or ".join(_word(kind) for kind in kinds)
        raise ConfigurationError(f"{where}: expected {expected}, found {value!r}.")


def at_least(least: float, where: str, **values: float | None) -> None:
    """Raise ConfigurationError if one of the values is below ``least``; None passes."""
    for name, value in values.items():
        if value is not None and value < least:
            raise ConfigurationError(f"{where}.{name}: expected at least {least:g}, found {value!r}.")


def above_zero(where: str, **values: float | None) -> None:
    """Raise ConfigurationError unless each of the values is above 0; None passes."""
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ConfigurationError(f"{where}.{name}: expected a number above 0, found {value!r}.")


def _fits(value: object, kind: Any) -> bool:
    choices = _choices(kind)
    if choices:
        return value in choices
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _word(kind: Any) -> str:
    return " or ".join(map(repr, _choices(kind))) or _WORDS[kind]


def _choices(kind: Any) -> tuple[object, ...]:
    """Return what a Literal or an Enum allows, nothing for other types."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return get_args(kind) if get_origin(kind) is Literal else ()
