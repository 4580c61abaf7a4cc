"""What a page is asked for: the query of its address. Run ids may hold anything: they are no part of a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from evolve.errors import NotFound

_LAST: Final = 2**31 - 1
"""The largest number that every store holds."""
_DIGITS, _SHOWN = 12, 60


@dataclass(frozen=True, slots=True)
class Asked:
    """The query of a page's address.

    Args:
        store: number of the store; 0 unless given.
        run: id of the run; empty on pages about no run.
        values: everything in the query, as given.
    """

    store: int
    run: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Asked:
        """Read a query. Raises NotFound for a store that is no number."""
        return cls(_number(values.get("store", "0"), "store"), values.get("run", ""), dict(values))

    def attempt(self, name: str, default: int) -> int:
        """Return the number of an attempt in the query. Raises NotFound if it is none."""
        return attempt_number(self.values[name]) if name in self.values else default

    def text(self, name: str, default: str = "") -> str:
        """Return a word of the query."""
        return self.values.get(name, default)


def attempt_number(text: str) -> int:
    """Return the number of an attempt that somebody typed. Raises NotFound if it is none that a run can have."""
    told = text.strip()
    if not told.isdecimal() or len(told) > _DIGITS or int(told) > _LAST:
        raise NotFound(f"Expected the number of an attempt, found {text[:_SHOWN]!r}.")
    return int(told)


def address(path: str, store: int | None = None, run: str = "", **values: object) -> str:
    """Return the address of a page, as a link's target; values that are None are left out."""
    told = {"store": store or None, "run": run or None, **values}
    query = urlencode({name: value for name, value in told.items() if value is not None})
    return f"{path}?{query}" if query else path


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise NotFound(f"{name}: expected a number, found {text!r}.") from error
