import triton
import triton.language as tl


@triton.jit
def scores_of(q, k_pointer, queries, start, length, scale, SIZE: tl.constexpr, BLOCK_K: tl.constexpr):
    keys = start + tl.arange(0, BLOCK_K)
    sizes = tl.arange(0, SIZE)
    k = tl.load(k_pointer + keys[None, :] * SIZE + sizes[:, None], mask=keys[None, :] < length, other=0.0)
    seen = (keys[None, :] <= queries[:, None]) & (keys[None, :] < length)
    return tl.where(seen, tl.dot(q, k) * scale, -float("inf"))


@triton.jit
def attention_kernel(
    q_pointer, k_pointer, v_pointer, out_pointer, length, scale,
    SIZE: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1).to(tl.int64) * length * SIZE
    queries = tl.program_id(0) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    sizes = tl.arange(0, SIZE)
    places = head + queries[:, None] * SIZE + sizes[None, :]
    inside = queries[:, None] < length
    q = tl.load(q_pointer + places, mask=inside, other=0.0)

    greatest = tl.full((BLOCK_Q,), -float("inf"), dtype=tl.float32)
    for start in range(0, length, BLOCK_K):
        scores = scores_of(q, k_pointer + head, queries, start, length, scale, SIZE, BLOCK_K)
        greatest = tl.maximum(greatest, tl.max(scores, axis=1))
    total = tl.zeros((BLOCK_Q,), dtype=tl.float32)
    for start in range(0, length, BLOCK_K):
        scores = scores_of(q, k_pointer + head, queries, start, length, scale, SIZE, BLOCK_K)
        total += tl.sum(tl.exp(scores - greatest[:, None]), axis=1)
    out = tl.zeros((BLOCK_Q, SIZE), dtype=tl.float32)
    for start in range(0, length, BLOCK_K):
        scores = scores_of(q, k_pointer + head, queries, start, length, scale, SIZE, BLOCK_K)
        weights = tl.exp(scores - greatest[:, None]) / total[:, None]
        keys = start + tl.arange(0, BLOCK_K)
        v_places = head + keys[:, None] * SIZE + sizes[None, :]
        v = tl.load(v_pointer + v_places, mask=keys[:, None] < length, other=0.0)
        out = tl.dot(weights.to(v.dtype), v, out)
    tl.store(out_pointer + places, out.to(out_pointer.dtype.element_ty), mask=inside)


# EVOLVE-BLOCK-START
BLOCK_Q = 16
BLOCK_K = 16
WARPS = 1


def attention(q, k, v, out):
    batch, heads, length, size = q.shape
    grid = (triton.cdiv(length, BLOCK_Q), batch * heads)
    attention_kernel[grid](
        q, k, v, out, length, size**-0.5, SIZE=size, BLOCK_Q=BLOCK_Q, BLOCK_K=BLOCK_K, num_warps=WARPS
    )


# EVOLVE-BLOCK-END
