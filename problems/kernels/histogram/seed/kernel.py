import triton
import triton.language as tl

# EVOLVE-BLOCK-START
BLOCK = 256
WARPS = 1


@triton.jit
def histogram_kernel(x_pointer, counts_pointer, length, BLOCK: tl.constexpr):
    places = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = places < length
    bins = tl.load(x_pointer + places, mask=inside, other=0)
    tl.atomic_add(counts_pointer + bins, 1, mask=inside)


def histogram(x, counts):
    counts.zero_()
    length = x.shape[0]
    histogram_kernel[(triton.cdiv(length, BLOCK),)](x, counts, length, BLOCK=BLOCK, num_warps=WARPS)


# EVOLVE-BLOCK-END
