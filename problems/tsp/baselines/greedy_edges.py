"""Greedy: the shortest edge first, unless it closes a cycle too early or a city has two already."""

import numpy as np

NEIGHBOURS = 10


def tour(points: np.ndarray) -> np.ndarray:
    ends = list(range(len(points)))  # at either end of a path: its other end
    joined: list[list[int]] = [[] for _ in points]
    for first, second in short_edges(points) + all_edges_of_ends(points):
        if len(joined[first]) < 2 and len(joined[second]) < 2 and ends[first] != second:
            joined[first].append(second)
            joined[second].append(first)
            far, other = ends[first], ends[second]
            ends[far], ends[other] = other, far
    return walk(joined)


def short_edges(points: np.ndarray) -> list[tuple[int, int]]:
    """Return the edges to the nearest cities, shortest first."""
    found = []
    for place, point in enumerate(points):
        squared = ((points - point) ** 2).sum(axis=1)
        near = np.argsort(squared, kind="stable")[: NEIGHBOURS + 1].tolist()
        found += [(int(squared[other]), min(place, other), max(place, other)) for other in near if other != place]
    return [(first, second) for _, first, second in sorted(set(found))]


def all_edges_of_ends(points: np.ndarray) -> list[tuple[int, int]]:
    """Return every edge, shortest first: what the short ones leave open."""
    first, second = np.triu_indices(len(points), k=1)
    squared = ((points[first] - points[second]) ** 2).sum(axis=1)
    by_length = np.argsort(squared, kind="stable")
    return list(zip(first[by_length].tolist(), second[by_length].tolist(), strict=True))


def walk(joined: list[list[int]]) -> np.ndarray:
    """Return the cities along the one path."""
    at = next(city for city, others in enumerate(joined) if len(others) < 2)
    order, before = [at], -1
    while len(order) < len(joined):
        at, before = next(other for other in joined[at] if other != before), at
        order.append(at)
    return np.array(order)
