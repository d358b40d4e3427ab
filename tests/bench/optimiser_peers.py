"""The peer of `gadolin bench optimiser`: PyTorch's clip_grad_norm_, AdamW(fused=True) and a foreach EMA.

    python optimiser_peers.py FOLDER     (gadolin calls it; tests/bench/peers.sh makes its environment)

FOLDER holds update.json, parameters.npy and gradients.npy (float32, all tensors one after the other), and where our update
led them: ours.npy, ours_averages.npy. Answers each line with one JSON object: `compare` tells whether both led to the same
weights, `averaged` and `plain` how long one update took, with the average of the weights and without.
"""
import json
import pathlib
import sys
import time

import numpy as np
import torch

folder = pathlib.Path(sys.argv[1])
update = json.loads((folder / "update.json").read_text())
torch.set_num_threads(update["threads"])


def tensors(name):
    flat = torch.from_numpy(np.load(folder / name))
    parts = flat.split([torch.Size(shape).numel() for shape in update["shapes"]])
    return [part.reshape(shape).clone() for part, shape in zip(parts, update["shapes"])]


class Training:
    def __init__(self, averaged):
        self.parameters = [p.requires_grad_() for p in tensors("parameters.npy")]
        for parameter, gradient in zip(self.parameters, tensors("gradients.npy")):
            parameter.grad = gradient
        self.averages = [p.detach().clone() for p in self.parameters] if averaged else []
        self.optimiser = torch.optim.AdamW([
            {"params": [p for p in self.parameters if p.dim() > 1], "weight_decay": update["decay"]},
            {"params": [p for p in self.parameters if p.dim() == 1], "weight_decay": 0.0},
        ], lr=update["rate"], fused=True)

    def step(self):
        torch.nn.utils.clip_grad_norm_(self.parameters, update["clip"], foreach=True)
        self.optimiser.step()
        if self.averages:
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.parameters, update["share"])


def alike(ours, theirs):
    return all((a - b).abs().max().item() <= 1e-6 for a, b in zip(ours, theirs))


def equal():
    first = Training(True)
    for _ in range(update["steps"]):
        first.step()
    return alike(tensors("ours.npy"), first.parameters) and alike(tensors("ours_averages.npy"), first.averages)


trainings = {"averaged": Training(True), "plain": Training(False)}
for line in sys.stdin:
    word = line.strip()
    if word == "compare":
        answer = {"equal": equal()}
    else:
        start = time.perf_counter()
        trainings[word].step()
        answer = {"wall_s": time.perf_counter() - start}
    print(json.dumps(answer), flush=True)
