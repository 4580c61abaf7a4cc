"""Strassen's seven products on 2 x 2 blocks wherever both halves exist, the schoolbook method for what is left over."""

import numpy as np

Factors = tuple[np.ndarray, np.ndarray, np.ndarray]


def decompose(n: int, m: int, p: int) -> Factors:
    if min(n, m, p) == 1:
        return schoolbook(n, m, p)
    parts = []
    even = (n // 2 * 2, m // 2 * 2, p // 2 * 2)
    parts.append(place(product(strassen(), decompose(*(size // 2 for size in even))), even, (0, 0, 0), (n, m, p)))
    # The rest, cut off along one dimension after the other.
    if m > even[1]:
        parts.append(place(decompose(even[0], 1, even[2]), (even[0], 1, even[2]), (0, even[1], 0), (n, m, p)))
    if p > even[2]:
        parts.append(place(decompose(even[0], m, 1), (even[0], m, 1), (0, 0, even[2]), (n, m, p)))
    if n > even[0]:
        parts.append(place(decompose(1, m, p), (1, m, p), (even[0], 0, 0), (n, m, p)))
    u, v, w = (np.concatenate(factor, axis=1) for factor in zip(*parts, strict=True))
    return u, v, w


def schoolbook(n: int, m: int, p: int) -> Factors:
    i, j, k = (index.ravel() for index in np.indices((n, m, p)))
    return np.eye(n * m)[:, i * m + j], np.eye(m * p)[:, j * p + k], np.eye(p * n)[:, k * n + i]


def strassen() -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Return Strassen's factors (1969) for entries 11, 12, 21, 22; the third one for 11, 21, 12, 22."""
    a = [[1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0], [-1, 0, 1, 0], [0, 1, 0, -1]]
    b = [[1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, -1], [-1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
    c = [[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 1], [1, 1, 0, 0], [-1, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    return np.array(a, float).T, np.array(b, float).T, np.array(c, float).T, (2, 2, 2)


def product(outer: tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]], inner: Factors) -> Factors:
    """Return the factors for matrices of blocks: outer multiplies the blocks, inner inside them.

    The sizes of the inner matrices follow from the lengths of their factors.
    """
    *big, (a, b, c) = outer
    nm, mp, pn = (len(factor) for factor in inner)
    n = round((nm * pn / mp) ** 0.5)
    m, p = nm // n, pn // n
    shapes = (((a, b), (n, m)), ((b, c), (m, p)), ((c, a), (p, n)))
    u, v, w = (
        np.einsum("xys,ijt->xiyjst", large.reshape(*rows, -1), small.reshape(*cells, -1)).reshape(
            rows[0] * cells[0] * rows[1] * cells[1], -1
        )
        for large, small, (rows, cells) in zip(big, inner, shapes, strict=True)
    )
    return u, v, w


def place(part: Factors, sizes: tuple[int, ...], offsets: tuple[int, int, int], whole: tuple[int, int, int]) -> Factors:
    """Return the factors of a part as factors of the whole, with 0 for what it does not touch."""
    pairs = ((0, 1), (1, 2), (2, 0))
    placed = []
    for factor, (x, y) in zip(part, pairs, strict=True):
        grown = np.zeros((whole[x], whole[y], factor.shape[1]))
        inner = factor.reshape(sizes[x], sizes[y], -1)
        grown[offsets[x] : offsets[x] + sizes[x], offsets[y] : offsets[y] + sizes[y]] = inner
        placed.append(grown.reshape(whole[x] * whole[y], -1))
    u, v, w = placed
    return u, v, w
