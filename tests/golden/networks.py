"""What swin_unetr.py and mednext.py share: networks of which every weight and the image is a formula that both sides
compute, so that none of them lies in the file; names, shapes and every n-th output do.
"""
import math

import torch


def chirp(count, phase):
    place = torch.arange(count, dtype=torch.float64)
    return torch.sin(place * (0.7 + 0.003 * place) + phase)


def image(*shape):
    return chirp(math.prod(shape), 0.3).reshape(shape).float()


def fill(network):
    """By name: scales of norms about 1, what multiplies about sqrt(2 / fan in), what is added smaller."""
    with torch.no_grad():
        for place, (name, value) in enumerate(sorted(dict(network.named_parameters()).items())):
            print("parameter", name, *value.shape)
            values = chirp(value.numel(), place).reshape(value.shape)
            if value.dim() > 1:
                values = values * math.sqrt(2 / (value.numel() / value.shape[0]))
            else:
                values = 1 + 0.3 * values if name.endswith("weight") else 0.2 * values
            value.copy_(values)


def tell(maps, every):
    for each in maps:
        print("map", *each.shape)
        for value in each.flatten()[::every].tolist():
            print(f"value {value:.9g}")
