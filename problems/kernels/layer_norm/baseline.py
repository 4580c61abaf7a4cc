import torch


def layer_norm(x, weight, bias, out):
    torch.ops.aten.native_layer_norm.out(
        x, [x.shape[1]], weight, bias, 1e-5, out0=out, out1=_statistic(x), out2=_statistic(x)
    )


def _statistic(x):
    return torch.empty((x.shape[0], 1), dtype=torch.float32, device=x.device)
