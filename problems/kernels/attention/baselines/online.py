import triton
import triton.language as tl

BLOCK_Q, BLOCK_K = 64, 64


@triton.jit
def attention_kernel(
    q_pointer, k_pointer, v_pointer, out_pointer, length, scale,
    SIZE: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1).to(tl.int64) * length * SIZE
    first = tl.program_id(0) * BLOCK_Q
    queries = first + tl.arange(0, BLOCK_Q)
    sizes = tl.arange(0, SIZE)
    places = head + queries[:, None] * SIZE + sizes[None, :]
    inside = queries[:, None] < length
    q = tl.load(q_pointer + places, mask=inside, other=0.0)
    greatest = tl.full((BLOCK_Q,), -float("inf"), dtype=tl.float32)
    total = tl.zeros((BLOCK_Q,), dtype=tl.float32)
    out = tl.zeros((BLOCK_Q, SIZE), dtype=tl.float32)
    for start in range(0, min(first + BLOCK_Q, length), BLOCK_K):
        keys = start + tl.arange(0, BLOCK_K)
        there = keys < length
        k = tl.load(k_pointer + head + keys[None, :] * SIZE + sizes[:, None], mask=there[None, :], other=0.0)
        v = tl.load(v_pointer + head + keys[:, None] * SIZE + sizes[None, :], mask=there[:, None], other=0.0)
        seen = (keys[None, :] <= queries[:, None]) & there[None, :]
        scores = tl.where(seen, tl.dot(q, k) * scale, -float("inf"))
        grown = tl.maximum(greatest, tl.max(scores, axis=1))
        weights = tl.exp(scores - grown[:, None])
        shrink = tl.exp(greatest - grown)
        total = total * shrink + tl.sum(weights, axis=1)
        out = tl.dot(weights.to(v.dtype), v, out * shrink[:, None])
        greatest = grown
    tl.store(out_pointer + places, (out / total[:, None]).to(out_pointer.dtype.element_ty), mask=inside)


def attention(q, k, v, out):
    batch, heads, length, size = q.shape
    grid = (triton.cdiv(length, BLOCK_Q), batch * heads)
    attention_kernel[grid](q, k, v, out, length, size**-0.5, SIZE=size, BLOCK_Q=BLOCK_Q, BLOCK_K=BLOCK_K)
