"""The peer of `gadolin bench augment`: batchgeneratorsv2, with the chain of nnU-Net's trainer.

    python augment_peers.py FOLDER REPEATS     (gadolin calls it; tests/bench/peers.sh makes its environment)

FOLDER holds picture.npy (float32, [1, D, H, W]) and patch.json (the edge of a view). Chances are those of
gadolin's recipe of the same name; each turn makes eight views (40 where chance decides what one costs) on one thread.
Prints one JSON object.
"""
import json
import math
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
from batchgeneratorsv2.transforms.intensity.contrast import BGContrast, ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.mirroring import MirrorTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from batchgeneratorsv2.transforms.utils.compose import ComposeTransforms
from batchgeneratorsv2.transforms.utils.random import RandomTransform

folder, repeats = pathlib.Path(sys.argv[1]), int(sys.argv[2])
picture = torch.from_numpy(np.load(folder / "picture.npy"))
edge = json.loads((folder / "patch.json").read_text())
torch.set_num_threads(1)
torch.manual_seed(1)
np.random.seed(1)


def spatial(turns, bends):
    turn = 30 / 360 * 2 * math.pi
    return SpatialTransform((edge,) * 3, patch_center_dist_from_border=0, random_crop=False, p_elastic_deform=bends,
                            p_rotation=turns, rotation=(-turn, turn), p_scaling=turns, scaling=(0.7, 1.4),
                            p_synchronize_scaling_across_axes=1, bg_style_seg_sampling=False)


def intensity(always):
    def sometimes(transform, chance):
        return RandomTransform(transform, apply_probability=1 if always else chance)

    gamma = BGContrast((0.7, 1.5))
    per_channel = 1 if always else 0.5
    return [
        sometimes(GaussianNoiseTransform(noise_variance=(0, 0.1), p_per_channel=1, synchronize_channels=True), 0.1),
        sometimes(GaussianBlurTransform(blur_sigma=(0.5, 1.0), synchronize_channels=False, synchronize_axes=False,
                                        p_per_channel=per_channel, benchmark=True), 0.2),
        sometimes(MultiplicativeBrightnessTransform(multiplier_range=BGContrast((0.75, 1.25)), synchronize_channels=False,
                                                    p_per_channel=1), 0.15),
        sometimes(ContrastTransform(contrast_range=BGContrast((0.75, 1.25)), preserve_range=True,
                                    synchronize_channels=False, p_per_channel=1), 0.15),
        sometimes(SimulateLowResolutionTransform(scale=(0.5, 1), synchronize_channels=False, synchronize_axes=True,
                                                 ignore_axes=None, allowed_channels=None, p_per_channel=per_channel), 0.25),
        sometimes(GammaTransform(gamma=gamma, p_invert_image=1, synchronize_channels=False, p_per_channel=1,
                                 p_retain_stats=1), 0.1),
        sometimes(GammaTransform(gamma=gamma, p_invert_image=0, synchronize_channels=False, p_per_channel=1,
                                 p_retain_stats=1), 0.3),
        MirrorTransform(allowed_axes=(0, 1, 2)),
    ]


def seconds(chain, views):
    taken = []
    with torch.no_grad():
        for turn in range(repeats + 1):
            start = time.perf_counter()
            for _ in range(views):
                made = chain(image=picture)["image"]
            taken.append(time.perf_counter() - start)
            assert tuple(made.shape[1:]) == (edge,) * 3
    return statistics.median(taken[1:])


chains = {
    "turned and scaled": ComposeTransforms([spatial(1, 0)]),
    "turned, scaled and bent": ComposeTransforms([spatial(1, 1)]),
    "default chain": ComposeTransforms([spatial(0.2, 0)] + intensity(False)),
    "all of it": ComposeTransforms([spatial(1, 0)] + intensity(True)),
}
print(json.dumps({"ours_equal": True, "peers": [
    {"name": name, "equal": True, "bytes": 0, "warm_s": seconds(chain, 40 if name == "default chain" else 8),
     "cold_s": 0} for name, chain in chains.items()]}))
