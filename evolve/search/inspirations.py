"""Which other programs an operator is shown beside the parent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def choose_inspirations(
    ranked: Sequence[int], parent: int, rng: np.random.Generator, *, count: int, top: int
) -> tuple[int, ...]:
    """Return up to ``count`` steps other than the parent's, best first.

    The first ``top`` are the best others, the rest are drawn from all that remain.

    Args:
        ranked: steps of the elites, best first, all different.
        parent: position of the parent in ``ranked``.
    """
    others = len(ranked) - 1
    best = min(top, count, others)
    rest = others - best
    drawn = _draw(rest, min(count - best, rest), rng)
    positions = [*range(best), *(best + index for index in drawn)]
    return tuple([ranked[position + (position >= parent)] for position in positions])


def _draw(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return ``count`` different numbers below ``size``, ascending (Floyd's sampling: ``count`` draws)."""
    chosen: set[int] = set()
    for last in range(size - count, size):
        index = int(rng.random() * (last + 1))
        chosen.add(last if index in chosen else index)
    return sorted(chosen)
