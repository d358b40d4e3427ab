#!/usr/bin/env python3
"""Writes optimisers.csv beside this file: where public peers lead two small parameters in five steps.

python3 -m venv v && v/bin/pip install torch==2.13.0 lightly==1.6.0 && v/bin/python optimisers.py

Weights [2, 3], a bias [3] (neither decayed nor adapted) and their gradients are drawn as tests/train/optimiser_test.cpp
draws them; all in float64. "lars" is the formula of You et al. 2017 with a learning rate that falls; lightly, which has
the rate outside of the momentum, must agree where it is constant.
"""
import csv
import pathlib

import torch
from lightly.utils.lars import LARS

STEPS, DECAY, RATE = 5, 0.05, 0.1


class Lcg:
    """x <- 1664525 x + 1013904223 mod 2^32, read as a fraction."""

    def __init__(self, seed):
        self.x = seed

    def many(self, *shape):
        numbers = []
        for _ in range(torch.Size(shape).numel()):
            self.x = (1664525 * self.x + 1013904223) % 2**32
            numbers.append(self.x / 2**32 - 0.5)
        return torch.tensor(numbers, dtype=torch.float64).reshape(shape)


def drawn():
    draw = Lcg(7)
    weight, bias = draw.many(2, 3), draw.many(3)
    return weight, bias, [(draw.many(2, 3), draw.many(3)) for _ in range(STEPS)]


def by_torch(make, rate_of=lambda step: RATE, clip=0):
    weight, bias, gradients = drawn()
    weight.requires_grad_(), bias.requires_grad_()
    optimiser = make([{"params": [weight], "weight_decay": DECAY}, {"params": [bias], "weight_decay": 0.0}])
    for step, (of_weight, of_bias) in enumerate(gradients):
        weight.grad, bias.grad = of_weight, of_bias
        for group in optimiser.param_groups:
            group["lr"] = rate_of(step)
        if clip:
            torch.nn.utils.clip_grad_norm_([weight, bias], clip)
        optimiser.step()
    return torch.cat([weight.detach().flatten(), bias.detach()])


def falling(step):
    return RATE * (1 - step / STEPS)


def lars(rate_of, trust=0.02, momentum=0.9):
    weight, bias, gradients = drawn()
    moved, moved_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    for step, (of_weight, of_bias) in enumerate(gradients):
        local = trust * weight.norm() / (of_weight.norm() + DECAY * weight.norm())
        moved = momentum * moved + rate_of(step) * local * (of_weight + DECAY * weight)
        moved_bias = momentum * moved_bias + rate_of(step) * of_bias
        weight, bias = weight - moved, bias - moved_bias
    return torch.cat([weight.flatten(), bias])


def by_lightly(groups):
    return LARS(groups, lr=RATE, momentum=0.9, trust_coefficient=0.02, eps=0)


constant = lars(lambda step: RATE)
assert torch.allclose(by_torch(by_lightly), constant, rtol=0, atol=1e-12), (by_torch(by_lightly), constant)
rows = {
    "sgd": by_torch(lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.9), falling),
    "nesterov": by_torch(lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True), falling),
    "clipped": by_torch(lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.9), falling, clip=0.5),
    "adamw": by_torch(lambda groups: torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95)), falling),
    "lars": lars(falling),
}
with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(["name", "index", "value"])
    for name, values in rows.items():
        out.writerows([name, i, repr(value)] for i, value in enumerate(values.tolist()))
