"""Writes mednext.txt: names, shapes and outputs of MONAI's MedNeXt, for tests/models/mednext_test.cpp.

    pip install torch==2.13.0 monai==1.6.1 numpy      (Apache-2.0)
    python tests/golden/mednext.py > tests/golden/mednext.txt
"""
import torch
from monai.networks.nets.mednext import MedNeXt

from networks import fill, image, tell

torch.set_num_threads(1)


def features(network, x):
    x = network.stem(x)
    for stage, down in zip(network.enc_stages, network.down_blocks):
        x = stage(x)
        yield x
        x = down(x)
    yield network.bottleneck(x)


common = {"init_filters": 6, "in_channels": 2, "out_channels": 3, "use_residual_connection": True,
          "deep_supervision": True, "blocks_down": (1, 2), "blocks_bottleneck": 1, "blocks_up": (2, 1)}
for name, own in {"plain": {"kernel_size": 3, "encoder_expansion_ratio": (2, 3), "decoder_expansion_ratio": (3, 2),
                            "bottleneck_expansion_ratio": 4},
                  "responses": {"kernel_size": 5, "global_resp_norm": True}}.items():
    print("network", name)
    network = MedNeXt(**common, **own)
    fill(network)
    network.train()
    with torch.no_grad():
        picture = image(2, 2, 16, 24, 16)
        tell([*features(network, picture), *network(picture)], 197)
