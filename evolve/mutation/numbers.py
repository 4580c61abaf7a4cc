"""Numbers as they are written in programs: how to find, change and write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from evolve.domain.blocks import editable_regions, split_lines

Number = int | float

_SKIP_OR_NUMBER = re.compile(
    r"""
      (?P<skip> "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*'
              | //[^\r\n]* | \#[^\r\n]* | /\*.*?\*/ )
    | (?<![\w.$]) (?P<number> (?: \d+\.\d* | \.\d+ | \d+ ) (?: [eE][+-]?\d+ )? ) (?P<suffix>[fF])? (?![\w.])
    """,
    re.VERBOSE | re.DOTALL,
)


class TextNumber(NamedTuple):
    """A numeric literal of a text in any language: character range, value, line counted from 1."""

    start: int
    end: int
    value: Number
    line: int


def text_numbers(text: str) -> list[TextNumber]:
    """Return the unsigned decimal literals inside the editable lines.

    Quoted strings and ``//``, ``#``, ``/* */`` comments are left out; that reads most languages
    well and none perfectly.
    """
    starts = [0]
    for line in split_lines(text):
        starts.append(starts[-1] + len(line))
    found = []
    for region in editable_regions(text):
        for match in _SKIP_OR_NUMBER.finditer(text, starts[region.first], starts[region.stop]):
            literal = match.group("number")
            if literal is not None and len(literal) < 25 and abs(parse_number(literal)) <= 1e15:
                row = 1 + text.count("\n", 0, match.start())
                found.append(TextNumber(match.start("number"), match.end("number"), parse_number(literal), row))
    return found


def parse_number(literal: str) -> Number:
    """Return the value of a decimal literal: an int if it is written as one."""
    return int(literal) if literal.isdigit() and literal.isascii() else float(literal)


def write_number(value: Number, digits: int = 6) -> str:
    """Return a short literal of ``value``: ints in full, floats with ``digits`` significant digits."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{digits}g}"
    return text if any(mark in text for mark in ".en") else text + ".0"


def random_constant(rng: np.random.Generator) -> Number:
    """Return a number of the size that formulas use: mostly round ones, else one around 1."""
    if rng.random() < 0.5:
        return _COMMON[int(rng.integers(len(_COMMON)))]
    return round_float(math.exp(rng.normal(0.0, 1.5)), 3)


def round_float(value: float, digits: int) -> float:
    """Return ``value`` with ``digits`` significant digits."""
    return float(f"{value:.{digits}g}")


_COMMON: tuple[Number, ...] = (0.01, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 10, 20, 50, 100)


def perturbed(value: Number, rng: np.random.Generator, *, whole: bool) -> Number:
    """Return another number near ``value``, or far from it now and then; a whole one if ``whole``."""
    for _ in range(8):
        changed = _pick_change(rng)(value, rng)
        if not math.isfinite(changed) or abs(changed) > 1e12:
            continue
        if whole:
            changed = round(changed)
        if changed != value or type(changed) is not type(value):
            return changed
    return value + 1


def _scaled(value: Number, rng: np.random.Generator) -> Number:
    width = (0.1, 0.4, 1.2)[int(rng.integers(3))]
    changed = round_float((value or 1.0) * math.exp(rng.normal(0.0, width)), 3)
    if isinstance(value, int) and (abs(value) >= 4 or changed == int(changed)):
        return round(changed)
    return changed


def _stepped(value: Number, rng: np.random.Generator) -> Number:
    return value + (1 if rng.random() < 0.5 else -1)


def _rounded(value: Number, _rng: np.random.Generator) -> Number:
    return value if isinstance(value, int) else round_float(value, 1)


def _zeroed(_value: Number, _rng: np.random.Generator) -> Number:
    return 0


def _negated(value: Number, _rng: np.random.Generator) -> Number:
    return -value


def _retyped(value: Number, _rng: np.random.Generator) -> Number:
    return float(value) if isinstance(value, int) else round(value)


def _replaced(_value: Number, rng: np.random.Generator) -> Number:
    return random_constant(rng)


_CHANGES: tuple[tuple[float, Callable[[Number, np.random.Generator], Number]], ...] = (
    (10.0, _scaled),
    (3.0, _stepped),
    (1.0, _rounded),
    (1.0, _zeroed),
    (1.0, _negated),
    (0.5, _retyped),
    (2.0, _replaced),
)
_CHANGE_BOUNDS = np.cumsum([weight for weight, _ in _CHANGES]) / sum(weight for weight, _ in _CHANGES)


def _pick_change(rng: np.random.Generator) -> Callable[[Number, np.random.Generator], Number]:
    place = int(_CHANGE_BOUNDS.searchsorted(rng.random(), side="right"))
    return _CHANGES[min(place, len(_CHANGES) - 1)][1]
