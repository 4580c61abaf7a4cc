import triton
import triton.language as tl


@triton.jit
def layer_norm_kernel(x_pointer, weight_pointer, bias_pointer, out_pointer, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * columns
    total = 0.0
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        x = tl.load(x_pointer + row + places, mask=places < columns, other=0.0).to(tl.float32)
        total += tl.sum(x, axis=0)
    mean = total / columns
    squares = 0.0
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        inside = places < columns
        x = tl.load(x_pointer + row + places, mask=inside, other=0.0).to(tl.float32)
        rest = tl.where(inside, x - mean, 0.0)
        squares += tl.sum(rest * rest, axis=0)
    inverse = 1.0 / tl.sqrt(squares / columns + 1e-5)
    for start in range(0, columns, BLOCK):
        places = start + tl.arange(0, BLOCK)
        inside = places < columns
        x = tl.load(x_pointer + row + places, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_pointer + places, mask=inside, other=0.0).to(tl.float32)
        bias = tl.load(bias_pointer + places, mask=inside, other=0.0).to(tl.float32)
        y = (x - mean) * inverse * weight + bias
        tl.store(out_pointer + row + places, y.to(out_pointer.dtype.element_ty), mask=inside)


# EVOLVE-BLOCK-START
BLOCK = 256
WARPS = 1


def layer_norm(x, weight, bias, out):
    rows, columns = x.shape
    layer_norm_kernel[(rows,)](x, weight, bias, out, columns, BLOCK=BLOCK, num_warps=WARPS)


# EVOLVE-BLOCK-END
