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
BLOCK_LOG2 = 7
WARPS_LOG2 = 0


def add(x, y, out):
    block = 2**BLOCK_LOG2
    grid = (triton.cdiv(x.numel(), block),)
    add_kernel[grid](x, y, out, x.numel(), BLOCK=block, num_warps=2**WARPS_LOG2)


# EVOLVE-BLOCK-END
