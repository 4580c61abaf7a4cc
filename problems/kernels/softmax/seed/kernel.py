import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_pointer, out_pointer, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * columns
    greatest = -float("inf")
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        x = tl.load(x_pointer + row + places, mask=places < columns, other=-float("inf")).to(tl.float32)
        greatest = tl.maximum(greatest, tl.max(x, axis=0))
    total = 0.0
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        x = tl.load(x_pointer + row + places, mask=places < columns, other=-float("inf")).to(tl.float32)
        total += tl.sum(tl.exp(x - greatest), axis=0)
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        inside = places < columns
        x = tl.load(x_pointer + row + places, mask=inside, other=0.0).to(tl.float32)
        y = tl.exp(x - greatest) / total
        tl.store(out_pointer + row + places, y.to(out_pointer.dtype.element_ty), mask=inside)


# EVOLVE-BLOCK-START
BLOCK = 256
WARPS = 1


def softmax(x, out):
    rows, columns = x.shape
    softmax_kernel[(rows,)](x, out, columns, BLOCK=BLOCK, num_warps=WARPS)


# EVOLVE-BLOCK-END
