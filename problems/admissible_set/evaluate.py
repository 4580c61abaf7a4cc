"""Judge of admissible sets: greedy by the program's priorities, with every triple excluded exactly.

Three entries are good if they are, in some order, 0 1 2, 0 0 1 or 0 0 2; a triple of vectors needs a good
place. So a third vector z breaks the rule with x and y exactly if it is good at no place: where both are
0, z is 0; where one is 0, z equals the other; where they are equal and not 0, z is anything; where they are
1 and 2, z is not 0. Of these z, those of weight w are listed, for all earlier vectors at once, and barred.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import digits, greedy, powers, priorities, whole_number

Integers = NDArray[np.int64]
MOST_VECTORS = 150_000


@cache
def fillings(places: int, filled: int) -> Integers:
    """Return the vectors of so many places, ``filled`` of them 1 or 2 and the others 0."""
    rows = []
    for chosen in combinations(range(places), filled):
        for values in product((1, 2), repeat=filled):
            row = [0] * places
            for place, value in zip(chosen, values, strict=True):
                row[place] = value
            rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(len(rows), places)


def barred(new: Integers, before: Integers) -> Integers:
    """Return the places, among {0, 1, 2}^n, of the vectors that break a rule with ``new`` and one of those before."""
    w, weights = int((new != 0).sum()), powers(3, len(new))
    found = [fillings(w, w) @ weights[new != 0]]  # the same support
    found += [group.ravel() for group in breaking(new, before, w, weights)]
    return np.concatenate(found)


def breaking(new: Integers, before: Integers, w: int, weights: Integers) -> Iterator[Integers]:
    """Yield what completes a bad triple, for the earlier vectors that agree with ``new`` in equally many places."""
    both = (before != 0) & (new != 0)
    agree, differ = both & (before == new), both & (before != new)
    agreeing, differing = agree.sum(axis=1), differ.sum(axis=1)
    # Outside the common support z is forced: the sum of the two, of which one is 0.
    forced = np.where(both, 0, before + new) @ weights
    missing = w - 2 * (w - agreeing - differing) - differing
    for a, d, k in sorted(set(zip(agreeing.tolist(), differing.tolist(), missing.tolist(), strict=True))):
        if not 0 <= k <= a:
            continue
        rows = np.flatnonzero((agreeing == a) & (differing == d))
        free = weights[agree[rows].nonzero()[1].reshape(len(rows), a)] @ fillings(a, k).T
        either = weights[differ[rows].nonzero()[1].reshape(len(rows), d)] @ fillings(d, d).T
        yield forced[rows, None, None] + free[:, :, None] + either[:, None, :]


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score one priority by the size of its admissible set."""
    n, w = whole_number(params, "n", 1, 13), whole_number(params, "w", 1, 13)
    if w > n or math.comb(n, w) * 2**w > MOST_VECTORS:
        raise ValueError(f"params.n and w: expected w <= n and at most {MOST_VECTORS} vectors, found n={n}, w={w}.")
    vectors = digits(3, n)
    chosen = np.flatnonzero((vectors != 0).sum(axis=1) == w)
    found = priorities(candidate, "priority", [(vector, n, w) for vector in vectors[chosen]])
    if isinstance(found, str):
        return invalid(found)
    scores = np.full(3**n, -math.inf)
    scores[chosen] = found
    taken = vectors[greedy(scores, lambda new, before: barred(vectors[new], vectors[before]))]
    return _score(taken, n, w) if len(taken) else invalid("Every priority is -inf: no vector was taken.")


def _score(taken: Integers, n: int, w: int) -> Score:
    twos = float((taken == 2).sum() / (taken != 0).sum())
    metrics = {"size": float(len(taken)), "share_of_2": twos}
    use = (taken != 0).sum(axis=0)
    feedback = (
        f"Valid. size {len(taken)} of at most {math.comb(n, w)}, one for each support. Vectors that use each place: "
        f"{use.tolist()}; {twos:.1%} of the entries other than 0 are 2. The first ones: {taken[:5].tolist()}."
    )
    text = "".join(" ".join(map(str, row)) + "\n" for row in taken.tolist())
    return Score(metrics=metrics, feedback=feedback, artifacts={"vectors.txt": text})
