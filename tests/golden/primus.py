"""Writes primus.txt: names, shapes and outputs of Primus, for tests/models/primus_test.cpp.

    pip install torch==2.13.0 torchvision dynamic_network_architectures==0.4.4 timm==1.0.22      (BSD, Apache-2.0)
    python tests/golden/primus.py > tests/golden/primus.txt

The first map is what the decoder is given, the second what it makes of it.
"""
import torch
from dynamic_network_architectures.architectures.primus import _PRIMUS_CONFIGS, Primus

from formula import fill, print_maps, wave

torch.set_num_threads(1)
for name, size in _PRIMUS_CONFIGS.items():
    print("size", name, size["embed_dim"], size["eva_depth"], size["eva_numheads"])
# The settings of PrimusS to PrimusL, narrower; tokens and grid of three different sides.
net = Primus(2, 24, (4, 4, 2), 3, eva_depth=2, eva_numheads=2, input_shape=(8, 12, 8), num_register_tokens=2,
             init_values=0.1, scale_attn_inner=True).eval()
fill(net, left_out=("mask_token",))
given = []
net.up_projection.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
with torch.no_grad():
    made = net(wave(2 * 2 * 8 * 12 * 8, 0.3).reshape(2, 2, 8, 12, 8).float())
print_maps([given[0], made], 7)
