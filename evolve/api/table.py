"""A table: columns of equal length, which other libraries take as they are."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evolve.errors import ConfigurationError, nearest

if TYPE_CHECKING:
    import numpy as np

_SHOWN = 10


class Table:
    """Columns of equal length, in order; a missing value is None.

    ``table["score"]`` is a column, iterating yields rows as tuples, ``len`` counts rows. It holds plain Python
    values, so nothing has to be installed to use it; :meth:`to_pandas` wants pandas, :meth:`to_arrow` pyarrow.
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"Columns must have equal lengths, found {sorted(lengths)}.")
        self._columns = {name: tuple(values) for name, values in columns.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(zip(*self._columns.values(), strict=True))

    def __getitem__(self, column: str) -> tuple[Any, ...]:
        """Return a column. Raises KeyError with the nearest name."""
        if column not in self._columns:
            raise KeyError(f"There is no column {column!r}. {nearest(column, self._columns)}")
        return self._columns[column]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one mapping a row, column -> value."""
        return [dict(zip(self._columns, row, strict=True)) for row in self]

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Return one array a column, shape (rows,). Missing numbers are NaN; columns of text have dtype object."""
        return {name: _array(values) for name, values in self._columns.items()}

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``. Raises ConfigurationError where pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise _missing("pandas", error) from error
        return pandas.DataFrame(self._columns)

    def to_arrow(self) -> Any:
        """Return a ``pyarrow.Table``. Raises ConfigurationError where pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError as error:
            raise _missing("pyarrow", error) from error
        return pyarrow.table(self._columns)

    def __repr__(self) -> str:
        return f"Table({len(self)} rows: {', '.join(self._columns)})"

    def _repr_html_(self) -> str:
        """Return the first and last rows, for notebooks."""
        rows = list(self)
        shown = rows if len(rows) <= 2 * _SHOWN else [*rows[:_SHOWN], ("…",) * len(self._columns), *rows[-_SHOWN:]]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self._columns)
        body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in shown)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{len(rows)} rows</p>"


def _array(values: Sequence[Any]) -> np.ndarray:
    import numpy as np

    known = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known) and len(known) == len(values):
        return np.array(values, dtype=bool)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in known) and len(known) == len(values):
        return np.array(values, dtype=np.int64)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=object)


def _cell(value: object) -> str:
    return "" if value is None else html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def _missing(package: str, error: ImportError) -> ConfigurationError:
    return ConfigurationError(
        f"This needs {package} ({error}). Install it: pip install {package}. Without it: to_dicts(), to_numpy()."
    )
