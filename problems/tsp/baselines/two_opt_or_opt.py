"""2-opt and Or-opt with neighbour lists (Bentley, ORSA Journal on Computing 4, 1992), from a nearest-neighbour tour."""

import math
from collections import deque

import numpy as np

NEIGHBOURS = 10
SEGMENT = 3


def tour(points: np.ndarray) -> np.ndarray:
    return np.array(Tour(points).improved())


class Tour:
    def __init__(self, points: np.ndarray) -> None:
        self.xy = points.tolist()
        self.near = [near(points, place) for place in range(len(points))]
        self.order = nearest_neighbour(points)
        self.place = [0] * len(self.order)
        self.settle(0, len(self.order))

    def settle(self, start: int, stop: int) -> None:
        for place in range(start, stop):
            self.place[self.order[place]] = place

    def length(self, first: int, second: int) -> float:
        (x, y), (u, v) = self.xy[first], self.xy[second]
        return math.hypot(x - u, y - v)

    def at(self, place: int) -> int:
        return self.order[place % len(self.order)]

    def improved(self) -> list[int]:
        waiting = deque(self.order)
        queued = set(waiting)
        while waiting:
            city = waiting.popleft()
            queued.discard(city)
            for touched in self.two_opt(city) or self.or_opt(city):
                if touched not in queued:
                    queued.add(touched)
                    waiting.append(touched)
        return self.order

    def two_opt(self, city: int) -> list[int]:
        for step in (1, -1):
            after = self.at(self.place[city] + step)
            old = self.length(city, after)
            for other in self.near[city]:
                first = self.length(city, other)
                if first >= old:
                    break
                beyond = self.at(self.place[other] + step)
                gain = old + self.length(other, beyond) - first - self.length(after, beyond)
                if gain > 1e-7:
                    # The new edges are city-other and after-beyond: turn round what lies between.
                    if step == 1:
                        self.reverse(self.place[after], self.place[other])
                    else:
                        self.reverse(self.place[other], self.place[after])
                    return [city, after, other, beyond]
        return []

    def reverse(self, start: int, stop: int) -> None:
        """Turn round the cities from ``start`` to ``stop``, cyclically, or the rest where it is shorter."""
        n = len(self.order)
        inside = (stop - start) % n + 1
        if 2 * inside > n:
            start, stop, inside = stop + 1, start - 1, n - inside
        for _ in range(inside // 2):
            one, other = start % n, stop % n
            self.order[one], self.order[other] = self.order[other], self.order[one]
            self.place[self.order[one]], self.place[self.order[other]] = one, other
            start, stop = start + 1, stop - 1

    def or_opt(self, city: int) -> list[int]:
        """Move up to three cities, ``city`` at one end, next to a near one, either way round."""
        n = len(self.order)
        for size in range(1, min(SEGMENT, n - 3) + 1):
            for step in (1, -1):
                moved = [self.at(self.place[city] + step * k) for k in range(size)]
                before, after = self.at(self.place[city] - step), self.at(self.place[city] + step * size)
                freed = self.length(before, city) + self.length(moved[-1], after) - self.length(before, after)
                for other in self.near[city]:
                    if self.length(city, other) >= freed:
                        break
                    if other in moved:
                        continue
                    for side in (1, -1):
                        beside = self.at(self.place[other] + side)
                        if beside in moved:
                            continue
                        added = self.length(city, other) + self.length(moved[-1], beside) - self.length(other, beside)
                        if freed - added > 1e-7:
                            self.move(moved, other, side)
                            return [*moved, before, after, other, beside]
        return []

    def move(self, moved: list[int], other: int, side: int) -> None:
        rest = [city for city in self.order if city not in moved]
        place = rest.index(other)
        if side == 1:
            self.order = rest[: place + 1] + moved + rest[place + 1 :]
        else:
            self.order = rest[:place] + moved[::-1] + rest[place:]
        self.settle(0, len(self.order))


def near(points: np.ndarray, place: int) -> list[int]:
    squared = ((points - points[place]) ** 2).sum(axis=1)
    squared[place] = np.iinfo(np.int64).max
    return np.argsort(squared, kind="stable")[: min(NEIGHBOURS, len(points) - 1)].tolist()


def nearest_neighbour(points: np.ndarray) -> list[int]:
    left = np.ones(len(points), dtype=bool)
    order = [0]
    left[0] = False
    while len(order) < len(points):
        squared = ((points - points[order[-1]]) ** 2).sum(axis=1)
        order.append(int(np.where(left, squared, np.iinfo(np.int64).max).argmin()))
        left[order[-1]] = False
    return order
