import torch


# EVOLVE-BLOCK-START
def normalised(x, weight, bias):
    mean = x.mean(dim=-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias


def trimul(
    pairs, mask, norm_weight, norm_bias, left, right, left_gate, right_gate,
    out_norm_weight, out_norm_bias, out_gate, out_projection, out,
):  # fmt: skip
    normal = normalised(pairs, norm_weight, norm_bias)
    a = normal @ left.T
    a = a * torch.sigmoid(normal @ left_gate.T)
    a = a * mask[:, :, None]
    b = normal @ right.T
    b = b * torch.sigmoid(normal @ right_gate.T)
    b = b * mask[:, :, None]
    product = torch.einsum("ikc,jkc->ijc", a, b)
    product = normalised(product, out_norm_weight, out_norm_bias)
    shown = product @ out_projection.T
    out.copy_(shown * torch.sigmoid(normal @ out_gate.T))


# EVOLVE-BLOCK-END
