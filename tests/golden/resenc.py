"""Writes resenc.txt: names, shapes and outputs of nnU-Net's ResidualEncoderUNet, for tests/models/resenc_test.cpp.

    pip install torch==2.13.0 dynamic_network_architectures==0.4.4 numpy      (Apache-2.0)
    python tests/golden/resenc.py > tests/golden/resenc.txt

Weights and the image are formulas that both sides compute, so none of them lies in the file.
"""
import math

import torch
from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

torch.set_num_threads(1)
net = ResidualEncoderUNet(
    2, 3, [4, 8, 16], torch.nn.Conv3d, [[1, 3, 3], [3, 3, 3], [3, 3, 3]], [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [1, 2, 2],
    3, [1, 1], True, torch.nn.InstanceNorm3d, {"eps": 1e-5, "affine": True}, None, None, torch.nn.LeakyReLU,
    {"inplace": True}, deep_supervision=True)


def wave(count, phase):
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.7 + phase)


print("# name, then shape: parameters of the network, by name")
parameters = dict(net.named_parameters())
with torch.no_grad():
    for place, (name, value) in enumerate(sorted(parameters.items())):
        print("parameter", name, *value.shape)
        values = wave(value.numel(), place).reshape(value.shape)
        if ".norm.weight" in name:
            values = 1 + 0.3 * values
        elif value.dim() == 5:
            values = values * math.sqrt(2 / (value.numel() / value.shape[0]))
        else:
            values = 0.2 * values
        value.copy_(values)
    image = wave(2 * 8 * 32 * 32, 0.3).reshape(1, 2, 8, 32, 32).float()
    maps = net(image)
print("# every 97th value of each map, finest first")
for map in maps:
    print("map", *map.shape)
    for value in map.flatten()[::97].tolist():
        print(f"value {value:.9g}")
