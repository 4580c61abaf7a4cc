import triton
import triton.language as tl

BLOCK = 2048


@triton.jit
def histogram_kernel(x_pointer, counts_pointer, length, bins, BINS: tl.constexpr, BLOCK: tl.constexpr):
    places = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = places < length
    values = tl.load(x_pointer + places, mask=inside, other=BINS - 1)
    own = tl.histogram(values, BINS)
    numbers = tl.arange(0, BINS)
    missing = BLOCK - tl.sum(inside.to(tl.int32), axis=0)
    own -= tl.where(numbers == BINS - 1, missing, 0)
    tl.atomic_add(counts_pointer + numbers, own, mask=(numbers < bins) & (own > 0))


def histogram(x, counts):
    counts.zero_()
    length, bins = x.shape[0], counts.shape[0]
    grid = (triton.cdiv(length, BLOCK),)
    histogram_kernel[grid](x, counts, length, bins, BINS=max(32, triton.next_power_of_2(bins)), BLOCK=BLOCK)
