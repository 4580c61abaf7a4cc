"""What is sent with a prompt: fixed values, and choices that each request makes for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from evolve.arguments import check_value
from evolve.domain.proposal import Request
from evolve.errors import ConfigurationError
from evolve.llm.requests import request_hash

T = TypeVar("T", float, str)
_DIGITS = 8  # of the hash, for each choice


class Settings:
    """The settings of one model.

    A choice is drawn from a hash of model, messages and call number: a run that is resumed or
    replayed sends the same again, and no generator has to be passed to those who ask.

    Args:
        where: prefix of the settings in messages to people.
        temperature, reasoning_effort: one value, several to choose from, or None to send none.
        max_tokens: longest answer, or None to send none.
    """

    def __init__(
        self,
        where: str,
        temperature: float | Sequence[float] | None,
        reasoning_effort: str | Sequence[str] | None,
        max_tokens: int | None,
    ) -> None:
        choices: dict[str, tuple[object, ...]] = {
            "temperature": _several(temperature, float, f"{where}.temperature"),
            "reasoning_effort": _several(reasoning_effort, str, f"{where}.reasoning_effort"),
        }
        self._open = {name: values for name, values in choices.items() if len(values) > 1}
        self._fixed: dict[str, object] = {name: values[0] for name, values in choices.items() if len(values) == 1}
        if max_tokens is not None:
            self._fixed["max_tokens"] = max_tokens

    def of(self, request: Request) -> Request:
        """Return a request that has no settings yet with those of this model."""
        if not self._open:
            return replace(request, settings=self._fixed)
        digest = request_hash(request)
        drawn = {
            name: values[int(digest[place * _DIGITS : (place + 1) * _DIGITS], 16) % len(values)]
            for place, (name, values) in enumerate(self._open.items())
        }
        return replace(request, settings={**self._fixed, **drawn})


def _several(given: T | Sequence[T] | None, kind: type[T], where: str) -> tuple[T, ...]:
    """Return the values there are to choose from. Raises ConfigurationError."""
    if given is None:
        return ()
    if not isinstance(given, list | tuple):
        check_value(given, kind, where)
        return (given,)  # type: ignore[return-value]  # what is neither a list nor None is one value
    for value in given:
        check_value(value, kind, where)
    if not given:
        raise ConfigurationError(f"{where}: expected a value, or a list of values to choose from, found an empty list.")
    return tuple(given)
