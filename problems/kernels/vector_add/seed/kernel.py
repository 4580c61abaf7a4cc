import triton
import triton.language as tl


@triton.jit
def add_kernel(x_pointer, y_pointer, out_pointer, length, BLOCK: tl.constexpr):
    places = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = places < length
    x = tl.load(x_pointer + places, mask=inside).to(tl.float32)
    y = tl.load(y_pointer + places, mask=inside).to(tl.float32)
    tl.store(out_pointer + places, (x + y).to(out_pointer.dtype.element_ty), mask=inside)


# EVOLVE-BLOCK-START
BLOCK = 128
WARPS = 1


def add(x, y, out):
    grid = (triton.cdiv(x.numel(), BLOCK),)
    add_kernel[grid](x, y, out, x.numel(), BLOCK=BLOCK, num_warps=WARPS)


# EVOLVE-BLOCK-END
