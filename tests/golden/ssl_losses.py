"""Writes ssl_losses.csv: losses of joint-embedding methods as lightly and torch compute them, for
tests/losses/golden_test.cpp.

    pip install torch==2.13.0 lightly==1.6.0      (BSD-3, MIT)
    python tests/golden/ssl_losses.py > tests/golden/ssl_losses.csv

Inputs are a formula that both sides compute, in float32; none of them lies in the file.
"""
import torch
from lightly.loss import (BarlowTwinsLoss, DINOLoss, IBOTPatchLoss, KoLeoLoss, NegativeCosineSimilarity, NTXentLoss,
                          SwaVLoss, VICRegLoss)
from lightly.loss.lejepa_loss import SIGReg
from lightly.loss.swav_loss import sinkhorn

torch.set_num_threads(1)


def wave(*shape, phase=0.0):
    count = 1
    for size in shape:
        count *= size
    return torch.sin(torch.arange(count, dtype=torch.float64) * 0.7 + phase).reshape(shape).float()


def tell(name, value):
    for index, number in enumerate(torch.as_tensor(value).flatten().tolist()):
        print(f"{name},{index},{number:.9g}")


class FixedDirections(SIGReg):
    def _generate_unit_vectors(self, device, dtype, num_features):
        drawn = wave(num_features, self.num_vectors, phase=2.5)
        return drawn / drawn.norm(p=2, dim=0)


first, second = wave(6, 5), wave(6, 5, phase=0.4)
print("name,index,value")
tell("nt_xent", NTXentLoss(temperature=0.3)(first, second))
tell("negative_cosine", NegativeCosineSimilarity()(first, second))
tell("barlow_twins", BarlowTwinsLoss(lambda_param=0.02)(first, second))
tell("vicreg", VICRegLoss(lambda_param=25, mu_param=25, nu_param=1)(first, second))
tell("koleo", KoLeoLoss()(first))
tell("sigreg", FixedDirections(knots=17, t_max=3.0, num_vectors=7)(first))

queue_loss = NTXentLoss(temperature=0.2, memory_bank_size=(4, 5))
queue_loss(first, second)  # makes the bank
queue_loss.memory_bank.bank = torch.nn.functional.normalize(wave(4, 5, phase=1.3), dim=1)
tell("info_nce_with_queue", queue_loss(first, second))

# torch's own, where lightly has none.
unit = torch.nn.functional.normalize
tell("info_nce", torch.nn.functional.cross_entropy(unit(first) @ unit(second).t() / 0.2, torch.arange(6)))
others = (unit(first) @ unit(wave(4, 5, phase=1.3)).t()).masked_fill(torch.arange(24).view(6, 4) % 3 == 0, -torch.inf)
own = (unit(first) * unit(second)).sum(1, keepdim=True)
tell("info_nce_counted", torch.nn.functional.cross_entropy(torch.cat([own, others], 1) / 0.2, torch.zeros(6).long()))
pairs = [torch.nn.functional.triplet_margin_with_distance_loss(
    unit(first)[i:i + 1], unit(second)[i:i + 1], unit(second)[k:k + 1], margin=0.5,
    distance_function=lambda a, b: (a - b).square().sum(1)) for i in range(6) for k in range(6) if i != k]
tell("triplet", torch.stack(pairs).mean())
clusters = torch.tensor([0, 4, 2, 2, 1, 3])
tell("weighted", torch.nn.functional.cross_entropy(first, clusters, weight=wave(5, phase=0.4).square()))
grams = [unit(rows, dim=2) @ unit(rows, dim=2).transpose(1, 2) for rows in (wave(2, 5, 3), wave(2, 5, 4, phase=0.9))]
tell("gram", torch.nn.functional.mse_loss(grams[0], grams[1]))
tell("smoothed", torch.nn.functional.cross_entropy(first / 0.5, torch.tensor([0, 4, 2, 2, 1, 3]), label_smoothing=0.8))

scores = [wave(6, 5, phase=p) for p in (0.0, 0.4, 0.9)]
tell("sinkhorn", sinkhorn(scores[0], iterations=3, epsilon=0.05))
tell("swav", SwaVLoss(temperature=0.1, sinkhorn_iterations=3, sinkhorn_epsilon=0.05)(scores[:2], scores[2:]))

dino = DINOLoss(output_dim=5, teacher_temp=0.07, student_temp=0.1)
dino.center.data = wave(1, 1, 5, phase=3.1) * 0.2
tell("dino", dino([wave(6, 5, phase=1.7), wave(6, 5, phase=2.1)], scores))
tell("dino_centre", dino.center)

ibot = IBOTPatchLoss(output_dim=5, teacher_temp=0.07, student_temp=0.1)
ibot.center.center = wave(1, 5, phase=3.1) * 0.2
mask = torch.tensor([[[1, 0, 0], [1, 1, 0]], [[0, 0, 0], [0, 1, 0]], [[0, 1, 0], [1, 0, 0]]], dtype=torch.bool)
tell("ibot", ibot(wave(6, 5, phase=1.7), scores[0], mask))

# CLIP's and SigLIP's, as their papers' listings have them, with torch's own cross-entropy and logistic function.
cosines = unit(first) @ unit(second).t()
entropy = torch.nn.functional.cross_entropy
tell("clip", (entropy(9 * cosines, torch.arange(6)) + entropy(9 * cosines.t(), torch.arange(6))) / 2)
tell("siglip", -torch.nn.functional.logsigmoid((2 * torch.eye(6) - 1) * (10 * cosines - 10)).sum() / 6)
