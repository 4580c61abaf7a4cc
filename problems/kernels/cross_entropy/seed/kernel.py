import triton
import triton.language as tl


@triton.jit
def cross_entropy_kernel(
    logits_pointer, labels_pointer, losses_pointer, gradient_pointer, classes, BLOCK: tl.constexpr
):
    number = tl.program_id(0)
    row = number.to(tl.int64) * classes
    label = tl.load(labels_pointer + number)
    greatest = -float("inf")
    for start in range(0, classes, BLOCK):
        places = start + tl.arange(0, BLOCK)
        x = tl.load(logits_pointer + row + places, mask=places < classes, other=-float("inf")).to(tl.float32)
        greatest = tl.maximum(greatest, tl.max(x, axis=0))
    total = 0.0
    for start in range(0, classes, BLOCK):
        places = start + tl.arange(0, BLOCK)
        x = tl.load(logits_pointer + row + places, mask=places < classes, other=-float("inf")).to(tl.float32)
        total += tl.sum(tl.exp(x - greatest), axis=0)
    chosen = tl.load(logits_pointer + row + label).to(tl.float32)
    tl.store(losses_pointer + number, tl.log(total) + (greatest - chosen))
    for start in range(0, classes, BLOCK):
        places = start + tl.arange(0, BLOCK)
        inside = places < classes
        x = tl.load(logits_pointer + row + places, mask=inside, other=0.0).to(tl.float32)
        share = tl.exp(x - greatest) / total
        slope = tl.where(places == label, share - 1.0, share)
        tl.store(gradient_pointer + row + places, slope.to(gradient_pointer.dtype.element_ty), mask=inside)


# EVOLVE-BLOCK-START
BLOCK = 512
WARPS = 2


def cross_entropy(logits, labels, losses, gradient):
    rows, classes = logits.shape
    cross_entropy_kernel[(rows,)](logits, labels, losses, gradient, classes, BLOCK=BLOCK, num_warps=WARPS)


# EVOLVE-BLOCK-END
