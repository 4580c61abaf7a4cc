"""Instances in TSPLIB's format, with its distances in whole numbers.

G. Reinelt, TSPLIB - A traveling salesman problem library, ORSA Journal on Computing 3 (1991); the format is defined in
"TSPLIB 95". Distances are computed without rounding errors, except those on the earth (GEO), which are defined by a
formula in floating point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Point = tuple[Fraction, Fraction]

MOST_CITIES = 2_000
_PI = 3.141592  # as TSPLIB has it
_EARTH_KM = 6378.388
_DATA = frozenset({"NODE_COORD_SECTION", "DISPLAY_DATA_SECTION", "EDGE_WEIGHT_SECTION"})


class NotTsplib(ValueError):
    """A file that is no symmetric TSPLIB instance that can be read here."""


@dataclass(frozen=True)
class Instance:
    """An instance.

    Args:
        name: as the file has it.
        points: coordinates of the cities, (n, 2); those to display them by where distances are given.
        distances: (n, n), whole numbers.
    """

    name: str
    points: NDArray[np.float64]
    distances: Integers

    def bound(self) -> float:
        """Return what no tour is shorter than: half of each city's two shortest ways, added up."""
        away = self.distances.astype(np.float64)
        np.fill_diagonal(away, np.inf)
        return float(np.sort(away, axis=1)[:, :2].sum()) / 2.0

    def nearest_share(self, order: Integers) -> float:
        """Return the share of cities that a tour joins to (one of) their nearest."""
        away = self.distances.copy()
        np.fill_diagonal(away, np.iinfo(np.int64).max)
        steps = self.distances[order, np.roll(order, -1)]
        return float((np.minimum(steps, np.roll(steps, 1)) <= away.min(axis=1)[order]).mean())

    def length(self, order: Integers) -> list[int]:
        """Return the length of each step of a closed tour."""
        return [int(step) for step in self.distances[order, np.roll(order, -1)]]


def read(text: str) -> Instance:
    """Read an instance. Raises NotTsplib."""
    fields, sections = _split(text)
    if fields.get("TYPE", "TSP").split()[0] != "TSP":
        raise NotTsplib(f"TYPE: expected TSP, found {fields['TYPE']!r}")
    cities = _whole(fields, "DIMENSION")
    if not 3 <= cities <= MOST_CITIES:
        raise NotTsplib(f"DIMENSION: expected 3 to {MOST_CITIES} cities, found {cities}")
    kind = fields.get("EDGE_WEIGHT_TYPE", "")
    shown = _points(sections.get("NODE_COORD_SECTION") or sections.get("DISPLAY_DATA_SECTION"), cities)
    if kind == "EXPLICIT":
        matrix = _matrix(fields.get("EDGE_WEIGHT_FORMAT", ""), sections.get("EDGE_WEIGHT_SECTION", []), cities)
    elif kind in DISTANCES:
        matrix = _between(shown, DISTANCES[kind])
    else:
        raise NotTsplib(f"EDGE_WEIGHT_TYPE: expected EXPLICIT or one of {sorted(DISTANCES)}, found {kind!r}")
    return Instance(fields.get("NAME", ""), np.array(shown, dtype=np.float64), matrix)


def _split(text: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the lines "KEY: value" and the words of each section."""
    fields: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines():
        key, colon, value = (part.strip() for part in line.partition(":"))
        if line.strip() == "EOF":
            break
        if key.upper() in _DATA:
            current = sections.setdefault(key.upper(), [])
        elif colon and key[:1].isalpha():
            fields[key.upper()] = value
        elif current is not None:
            current += line.split()
        elif line.strip():
            raise NotTsplib(f"expected KEY: value or the name of a section, found {line.strip()[:60]!r}")
    return fields, sections


def _whole(fields: Mapping[str, str], key: str) -> int:
    try:
        return int(fields.get(key, ""))
    except ValueError:
        raise NotTsplib(f"{key}: expected a whole number, found {fields.get(key, 'nothing')!r}") from None


def _points(words: Sequence[str] | None, cities: int) -> list[Point]:
    if words is None:
        raise NotTsplib("no coordinates to give to a program: expected NODE_COORD_SECTION or DISPLAY_DATA_SECTION")
    numbers = words[::3]
    if not all(word.isdecimal() for word in numbers):
        raise NotTsplib(f"expected cities by number, found {next(w for w in numbers if not w.isdecimal())!r}")
    if len(words) != 3 * cities or sorted(map(int, numbers)) != list(range(1, cities + 1)):
        raise NotTsplib(f"expected number, x and y of each of {cities} cities, numbered from 1")
    try:
        by_number = {int(n): (Fraction(x), Fraction(y)) for n, x, y in zip(*[iter(words)] * 3, strict=True)}
    except (ValueError, ZeroDivisionError) as error:
        raise NotTsplib(f"coordinates: {error}") from error
    return [by_number[city] for city in range(1, cities + 1)]


# ── distances ─────────────────────────────────────────────────────────────────────────────────
def _between(points: Sequence[Point], distance: Callable[[Point, Point], int]) -> Integers:
    matrix = np.zeros((len(points), len(points)), dtype=np.int64)
    for row, one in enumerate(points):
        for column in range(row):
            matrix[row, column] = matrix[column, row] = distance(one, points[column])
    return matrix


def _squared(one: Point, other: Point) -> Fraction:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2


def nearest_root(square: Fraction) -> int:
    """Return the whole number nearest to a root, halves up: the greatest t with 2t - 1 <= sqrt(4 s)."""
    return (math.isqrt(math.floor(4 * square)) + 1) // 2


def root_up(square: Fraction) -> int:
    """Return the smallest whole number that is not below a root."""
    least = math.ceil(square)
    root = math.isqrt(least)
    return root if root * root == least else root + 1


def euclidean(one: Point, other: Point) -> int:
    """EUC_2D: rounded to the nearest."""
    return nearest_root(_squared(one, other))


def euclidean_up(one: Point, other: Point) -> int:
    """CEIL_2D: rounded up."""
    return root_up(_squared(one, other))


def pseudo_euclidean(one: Point, other: Point) -> int:
    """ATT: of a tenth of the square; the nearest whole number, and one more where that is less: rounded up."""
    return root_up(_squared(one, other) / 10)


def on_earth(one: Point, other: Point) -> int:
    """GEO: kilometres between two places given as degrees.minutes, latitude first."""
    (north, east), (north2, east2) = ([_radians(angle) for angle in point] for point in (one, other))
    q1, q2, q3 = math.cos(east - east2), math.cos(north - north2), math.cos(north + north2)
    return int(_EARTH_KM * math.acos(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3)) + 1.0)


def _radians(angle: Fraction) -> float:
    """Return an angle; the whole part is degrees (towards zero), the rest minutes."""
    value = float(angle)
    degrees = int(value)
    return _PI * (degrees + 5.0 * (value - degrees) / 3.0) / 180.0


DISTANCES: Mapping[str, Callable[[Point, Point], int]] = {
    "EUC_2D": euclidean,
    "CEIL_2D": euclidean_up,
    "ATT": pseudo_euclidean,
    "GEO": on_earth,
}


def _matrix(layout: str, words: Sequence[str], cities: int) -> Integers:
    """Read distances that are given. Raises NotTsplib."""
    places = _LAYOUTS.get(layout)
    if places is None:
        raise NotTsplib(f"EDGE_WEIGHT_FORMAT: expected one of {sorted(_LAYOUTS)}, found {layout!r}")
    where = places(cities)
    if len(words) != len(where):
        raise NotTsplib(f"EDGE_WEIGHT_SECTION: expected {len(where)} numbers, found {len(words)}")
    matrix = np.zeros((cities, cities), dtype=np.int64)
    for (row, column), word in zip(where, words, strict=True):
        if not word.isdecimal():
            raise NotTsplib(f"EDGE_WEIGHT_SECTION: expected whole numbers of at least 0, found {word!r}")
        matrix[row, column] = int(word)
    if layout != "FULL_MATRIX":
        matrix = np.maximum(matrix, matrix.T)
    if (matrix != matrix.T).any():
        raise NotTsplib("EDGE_WEIGHT_SECTION: expected the same distance there and back")
    return matrix


_LAYOUTS: Mapping[str, Callable[[int], list[tuple[int, int]]]] = {
    "FULL_MATRIX": lambda n: [(row, column) for row in range(n) for column in range(n)],
    "UPPER_ROW": lambda n: [(row, column) for row in range(n) for column in range(row + 1, n)],
    "UPPER_DIAG_ROW": lambda n: [(row, column) for row in range(n) for column in range(row, n)],
    "LOWER_ROW": lambda n: [(row, column) for row in range(n) for column in range(row)],
    "LOWER_DIAG_ROW": lambda n: [(row, column) for row in range(n) for column in range(row + 1)],
}


def written(name: str, points: Integers) -> str:
    """Return cities with whole coordinates as a file of type EUC_2D."""
    rows = "".join(f"{number} {x} {y}\n" for number, (x, y) in enumerate(points.tolist(), 1))
    head = f"NAME: {name}\nTYPE: TSP\nDIMENSION: {len(points)}\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n"
    return f"{head}{rows}EOF\n"
