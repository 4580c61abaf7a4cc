import torch


def layer_norm(x, weight, bias, out):
    mean, inverse = _statistic(x), _statistic(x)
    torch.ops.aten.native_layer_norm.out(x, [x.shape[1]], weight, bias, 1e-5, out0=out, out1=mean, out2=inverse)


def _statistic(x):
    """Return where a number of each row goes; the CPU wants it in the rows' own type."""
    dtype = torch.float32 if x.is_cuda else x.dtype
    return torch.empty((x.shape[0], 1), dtype=dtype, device=x.device)
