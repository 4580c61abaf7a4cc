import torch
from torch.nn.functional import layer_norm


def trimul(
    pairs, mask, norm_weight, norm_bias, left, right, left_gate, right_gate,
    out_norm_weight, out_norm_bias, out_gate, out_projection, out,
):  # fmt: skip
    length, _, channels = pairs.shape
    hidden = left.shape[0]
    normal = layer_norm(pairs, (channels,), norm_weight, norm_bias).view(-1, channels)
    every = torch.cat((left, right, left_gate, right_gate, out_gate))
    rest = normal @ every.T  # one product for all five projections
    projected, gates, out_gates = rest.split((2 * hidden, 2 * hidden, channels), dim=1)
    gated = (projected * torch.sigmoid(gates)).mul_(mask.reshape(-1, 1))
    sides = gated.view(length, length, 2, hidden).permute(2, 3, 0, 1).contiguous()
    product = torch.bmm(sides[0], sides[1].transpose(1, 2))  # a product of matrices for each channel
    product = layer_norm(product.permute(1, 2, 0), (hidden,), out_norm_weight, out_norm_bias)
    shown = product.reshape(-1, hidden) @ out_projection.T
    torch.mul(shown, torch.sigmoid(out_gates), out=out.view(-1, channels))
