"""The product that tiles are chosen for; the judge puts in what a program chose for each shape."""

import triton
import triton.language as tl


@triton.jit
def matmul_kernel(
    a_pointer, b_pointer, out_pointer, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0)
    rows_of_tiles, columns_of_tiles = tl.cdiv(m, BLOCK_M), tl.cdiv(n, BLOCK_N)
    # Tiles of GROUP rows are worked on together, so that they find each other's columns of b in the cache.
    in_group = GROUP * columns_of_tiles
    group = program // in_group
    first = group * GROUP
    height = min(rows_of_tiles - first, GROUP)
    tile_m = first + (program % in_group) % height
    tile_n = (program % in_group) // height

    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    depths = tl.arange(0, BLOCK_K)
    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, k, BLOCK_K):
        deep = start + depths
        a_places = rows[:, None].to(tl.int64) * k + deep[None, :]
        b_places = deep[:, None].to(tl.int64) * n + columns[None, :]
        a = tl.load(a_pointer + a_places, mask=(rows[:, None] < m) & (deep[None, :] < k), other=0.0)
        b = tl.load(b_pointer + b_places, mask=(deep[:, None] < k) & (columns[None, :] < n), other=0.0)
        total = tl.dot(a, b, total)
    places = rows[:, None].to(tl.int64) * n + columns[None, :]
    inside = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(out_pointer + places, total.to(out_pointer.dtype.element_ty), mask=inside)


TILES = {}


def matmul(a, b, out):
    (m, k), n = a.shape, b.shape[1]
    rows, columns, depth, group, warps, stages = TILES[m, n, k]
    grid = (triton.cdiv(m, rows) * triton.cdiv(n, columns),)
    matmul_kernel[grid](
        a, b, out, m, n, k,
        BLOCK_M=rows, BLOCK_N=columns, BLOCK_K=depth, GROUP=group, num_warps=warps, num_stages=stages,
    )  # fmt: skip
