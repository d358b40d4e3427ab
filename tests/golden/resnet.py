"""Writes resnet.txt: names, shapes and outputs of MONAI's ResNet, for tests/models/resnet_test.cpp.

    pip install torch==2.13.0 monai==1.6.1      (Apache-2.0)
    python tests/golden/resnet.py > tests/golden/resnet.txt

The networks are eight times narrower than resnet10() ... resnet50(), with the same names. Maps: the stem's and the four
stages', in evaluation: batch normalisation goes by its running statistics.
"""
import torch
from monai.networks.nets import resnet
from torch import nn

from formula import fill, print_maps, wave

torch.set_num_threads(1)
KINDS = {10: ("basic", [1, 1, 1, 1]), 18: ("basic", [2, 2, 2, 2]), 34: ("basic", [3, 4, 6, 3]),
         50: ("bottleneck", [3, 4, 6, 3])}


def network(depth):
    block, layers = KINDS[depth]
    net = resnet.ResNet(block, layers, [8, 16, 32, 64], spatial_dims=3, n_input_channels=2, shortcut_type="B",
                        feed_forward=False).eval()
    with torch.device("meta"):
        full = getattr(resnet, f"resnet{depth}")(spatial_dims=3, n_input_channels=2, shortcut_type="B",
                                                 feed_forward=False)
    assert list(full.state_dict()) == list(net.state_dict())
    return net


def maps(net, step):
    found = []
    # The stem's activation works in place and is the blocks' too: the pool behind it is given what is wanted.
    net.maxpool.register_forward_hook(lambda module, inputs, output: found.append(inputs[0].clone()))
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        stage.register_forward_hook(lambda module, inputs, output: found.append(output.clone()))
    with torch.no_grad():
        net(wave(2 * 2 * 16 * 24 * 17, 0.3).reshape(2, 2, 16, 24, 17).float())
    print_maps(found, step)


for depth in KINDS:
    print("network", f"resnet{depth}")
    net = network(depth)
    fill(net)
    if depth in (10, 50):
        maps(net, 199)


def with_groups(module):
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm3d):
            setattr(module, name, nn.GroupNorm(4, child.num_features))
        with_groups(child)


print("network", "resnet10_group")
net = network(10)
with_groups(net)
fill(net)
maps(net, 199)
