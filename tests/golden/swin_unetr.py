"""Writes swin_unetr.txt: names, shapes and outputs of MONAI's SwinUNETR and SwinTransformer, for
tests/models/swin_test.cpp.

    pip install torch==2.13.0 monai==1.6.1 einops==0.8.2 numpy      (Apache-2.0, MIT)
    python tests/golden/swin_unetr.py > tests/golden/swin_unetr.txt
"""
import torch
from monai.networks.nets.swin_unetr import SwinTransformer, SwinUNETR

from networks import fill, image, tell

torch.set_num_threads(1)

print("# the whole network, with windows that fit, are filled up, and are smaller than full ones")
print("network whole")
whole = SwinUNETR(in_channels=2, out_channels=3, feature_size=12, num_heads=(3, 6, 12, 24), depths=(2, 2, 2, 2),
                  window_size=(7, 3, 7))
fill(whole)
with torch.no_grad():
    picture = image(1, 2, 64, 32, 64)
    tell(whole.swinViT(picture, True), 997)
    tell([whole(picture)], 9973)

print("# the second version's encoder, of odd extents, one block in some stages")
print("network convolved")
convolved = SwinTransformer(in_chans=1, embed_dim=8, window_size=(3, 3, 3), patch_size=(2, 2, 2), depths=(2, 1, 2, 1),
                            num_heads=(1, 2, 2, 4), use_v2=True)
fill(convolved)
with torch.no_grad():
    tell(convolved(image(2, 1, 37, 50, 41), True), 499)
