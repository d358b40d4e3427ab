"""Weights and images of the golden networks: formulas that tests/models/golden.h computes too."""
import math

import torch


def wave(count, phase):
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.7 + phase)


def fill(net, left_out=()):
    """Weights and running statistics by name; prints name and shape of each."""
    state = {name: value for name, value in net.state_dict().items()
             if value.is_floating_point() and name not in left_out}
    with torch.no_grad():
        for place, (name, value) in enumerate(sorted(state.items())):
            print("parameter", name, *value.shape)
            values = wave(value.numel(), place).reshape(value.shape)
            if value.dim() == 1 and name.endswith(("weight", "running_var")):
                values = 1 + 0.3 * values
            elif value.dim() in (2, 5):
                values = values * math.sqrt(2 / (value.numel() / value.shape[0]))
            else:
                values = 0.2 * values
            value.copy_(values)


def print_maps(maps, step):
    print(f"# every {step}th value of each map")
    for map in maps:
        print("map", *map.shape)
        for value in map.flatten()[::step].tolist():
            print(f"value {value:.7g}")
