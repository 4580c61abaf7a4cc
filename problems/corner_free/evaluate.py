"""Judge of corner-free sets and of combinatorial degenerations, in whole numbers.

A corner is (x, y), (x + t, y), (x, y + t) with t other than 0; it is a directed edge of three vertices.
A set S of vertices with maps u, v, w to the whole numbers is a combinatorial degeneration to single
vertices if u + v + w = 0 at each vertex of S and u(x, y) + v(x + t, y) + w(x, y + t) > 0 at each corner in S
(Christandl, Fawzi, Ta and Zuiddam, arXiv 2111.08262): then powers of S hold corner-free sets of
size |S|^k up to a polynomial factor in k.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import array_fault, digits, greedy, powers, priorities, whole_number

Integers = NDArray[np.int64]
MOST_PAIRS = 7000
LARGEST = 2**40
NAMES_DEGENERATION = re.compile(r"^def degeneration\(", re.MULTILINE)


class Group:
    """F_p^n with its elements as places 0 .. p^n - 1 among all vectors; pairs are x * size + y."""

    def __init__(self, p: int, n: int) -> None:
        self.vectors = digits(p, n)
        self.size = p**n
        weights = powers(p, n)
        self.add = (self.vectors[:, None] + self.vectors) % p @ weights
        self.subtract = (self.vectors[:, None] - self.vectors) % p @ weights

    def completing(self, new: int, before: Integers) -> Integers:
        """Return the pairs that make a corner with ``new`` and one of those before."""
        a, b = divmod(new, self.size)
        c, d = before // self.size, before % self.size
        row, column = d == b, c == a
        diagonal = self.subtract[a, c] == self.subtract[d, b]
        across, up = self.subtract[c[row], a], self.subtract[d[column], b]
        return np.concatenate([
            a * self.size + self.add[b, across],  # new is the apex, the other beside it
            c[row] * self.size + self.subtract[b, across],  # the other is the apex
            self.add[a, up] * self.size + b,
            self.subtract[a, up] * self.size + d[column],
            c[diagonal] * self.size + b,  # both are ends; either order
            a * self.size + d[diagonal],
        ])  # fmt: skip

    def corners(self, held: NDArray[np.bool_]) -> tuple[Integers, Integers, Integers]:
        """Return the corners of a set of pairs: its apexes, their partners to the right and those above."""
        apex = np.flatnonzero(held)
        x, y = apex // self.size, apex % self.size
        found = []
        for t in range(1, self.size):
            right, above = self.add[x, t] * self.size + y, x * self.size + self.add[y, t]
            both = held[right] & held[above]
            found.append((apex[both], right[both], above[both]))
        first, second, third = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return first, second, third


def chosen_by_priority(candidate: Candidate, group: Group, p: int, n: int) -> Integers | str:
    """Return the corner-free set that the priorities lead to, or what is wrong with them."""
    calls = [(x, y, p, n) for x in group.vectors for y in group.vectors]
    scores = priorities(candidate, "priority", calls)
    if isinstance(scores, str):
        return scores
    taken = greedy(scores, group.completing)
    return taken if len(taken) else "Every priority is -inf: no pair was taken."


def named_pairs(candidate: Candidate, group: Group, p: int, n: int) -> Integers | str:
    """Return the pairs of a degeneration that the program names and proves, or what is wrong."""
    call = f"degeneration(p={p}, n={n})"
    answer = candidate.call("degeneration", p=p, n=n)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return f"{call} must return two arrays, pairs and weights; found {type(answer).__name__}."
    pairs, weights = answer
    problem = array_fault(pairs, f"{call}, pairs,", (None, 2 * n), kinds="iu")
    problem = problem or array_fault(weights, f"{call}, weights,", (len(pairs), 3), kinds="iu")
    if problem:
        return problem
    if pairs.min() < 0 or pairs.max() >= p:
        return f"The entries of pairs must lie in 0 .. {p - 1}."
    if weights.min() < -LARGEST or weights.max() > LARGEST:
        return "Weights must be at most 2^40 in size."
    codes = pairs[:, :n] @ powers(p, n) * group.size + pairs[:, n:] @ powers(p, n)
    return unproved(group, codes, weights.astype(np.int64)) or codes


def unproved(group: Group, codes: Integers, weights: Integers) -> str:
    """Return what is no degeneration, in words, or an empty string."""
    if len(set(codes.tolist())) < len(codes):
        return "A pair is there more than once."
    uneven = np.flatnonzero(weights.sum(axis=1))
    if len(uneven):
        return f"The weights of pair {uneven[0]} sum to {weights[uneven[0]].sum()}; each row must sum to 0."
    held = np.zeros(group.size**2, dtype=bool)
    held[codes] = True
    by_pair = np.zeros((group.size**2, 3), dtype=np.int64)
    by_pair[codes] = weights
    first, second, third = group.corners(held)
    totals = by_pair[first, 0] + by_pair[second, 1] + by_pair[third, 2]
    wrong = np.flatnonzero(totals <= 0)
    if not len(wrong):
        return ""
    x, y = divmod(int(first[wrong[0]]), group.size)
    return (
        f"{len(wrong)} of {len(totals)} corners are not proved harmless; the first has its apex at "
        f"x = {group.vectors[x].tolist()}, y = {group.vectors[y].tolist()} and a weight of {totals[wrong[0]]}, "
        "which must be positive."
    )


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one set of pairs by its size."""
    p, n = whole_number(params, "p", 2, 7), whole_number(params, "n", 1, 6)
    if p not in (2, 3, 5, 7) or p ** (2 * n) > MOST_PAIRS:
        raise ValueError(f"params.p and n: expected a prime with at most {MOST_PAIRS} pairs, found p={p}, n={n}.")
    group = Group(p, n)
    named = any(NAMES_DEGENERATION.search(text) for text in candidate.files.values())
    pairs = named_pairs(candidate, group, p, n) if named else chosen_by_priority(candidate, group, p, n)
    return invalid(pairs) if isinstance(pairs, str) else _score(group, pairs, n)


def _score(group: Group, pairs: Integers, n: int) -> Score:
    held = np.zeros(group.size**2, dtype=bool)
    held[pairs] = True
    corners = len(group.corners(held)[0])
    metrics = {"size": float(len(pairs)), "corners": corners / len(pairs)}
    rows = held.reshape(group.size, group.size).sum(axis=1)
    feedback = (
        f"Valid. size {len(pairs)} of {group.size**2} pairs, growth {len(pairs) ** (1 / n):.4f} for each dimension; "
        f"{corners} corners among them. Pairs for each x: {rows.tolist()[:32]}."
    )
    text = "".join(f"{code // group.size} {code % group.size}\n" for code in sorted(pairs.tolist()))
    return Score(metrics=metrics, feedback=feedback, artifacts={"pairs.txt": text})
