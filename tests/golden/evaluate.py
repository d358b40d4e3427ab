#!/usr/bin/env python3
"""Writes evaluate.csv beside this file: what public peers say of inputs that tests/evaluate/golden.h makes again.

python3 -m venv v && v/bin/pip install surface-distance==0.1 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 && v/bin/python evaluate.py
"""
import csv
import pathlib

import numpy as np
import surface_distance.metrics as peer
from scipy import ndimage
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler


class Lcg:
    """x <- 1664525 x + 1013904223 mod 2^32, read as a fraction."""

    def __init__(self, seed):
        self.x = seed

    def __call__(self):
        self.x = (1664525 * self.x + 1013904223) % 2**32
        return self.x / 2**32

    def many(self, *shape):
        return np.array([self() for _ in range(int(np.prod(shape)))]).reshape(shape)


SHAPE, SPACING = (12, 20, 18), (3.0, 0.75, 1.25)


def ellipsoid(centre, radii):
    d, h, w = np.meshgrid(*(np.arange(n, dtype=float) for n in SHAPE), indexing="ij")
    return sum(((x - c) / r) ** 2 for x, c, r in zip((d, h, w), centre, radii)) <= 1.0


PAIRS = {
    "shifted": (ellipsoid((5, 9, 8), (4, 6, 5)), ellipsoid((6, 10, 9), (4, 6, 5))),
    "inside": (ellipsoid((5, 9, 8), (4, 7, 6)), ellipsoid((5, 9, 8), (2, 4, 3))),
    "apart": (ellipsoid((3, 4, 4), (2, 3, 3)), ellipsoid((8, 14, 13), (2, 3, 3))),
    "border": (ellipsoid((0, 0, 0), (5, 9, 8)), ellipsoid((1, 0, 1), (4, 9, 8))),
}

rows = []


def tell(name, *values):
    rows.extend((name, i, repr(float(v))) for i, v in enumerate(values))


for name, (a, b) in PAIRS.items():
    distances = peer.compute_surface_distances(a, b, SPACING)
    ab, ba = peer.compute_average_surface_distance(distances)
    area_a, area_b = distances["surfel_areas_gt"].sum(), distances["surfel_areas_pred"].sum()
    tell(f"surface.{name}", f1_score(a.ravel(), b.ravel()),
         peer.compute_surface_dice_at_tolerance(distances, 1.0), peer.compute_surface_dice_at_tolerance(distances, 3.0),
         peer.compute_robust_hausdorff(distances, 95), peer.compute_robust_hausdorff(distances, 100),
         (ab * area_a + ba * area_b) / (area_a + area_b), area_a, area_b)

marked = Lcg(5).many(*SHAPE) < 0.004
tell("edt.sum", ndimage.distance_transform_edt(~marked, sampling=SPACING).sum(), marked.sum())

u = Lcg(11)
truth = (u.many(60) * 3).astype(int)
scores = np.floor(u.many(60, 3) * 8) + (truth[:, None] == np.arange(3)) * 2  # many ties
probabilities = (scores + 1) / (scores + 1).sum(1, keepdims=True)
tell("auc.binary", roc_auc_score(truth == 1, scores[:, 1]))
tell("auc.ovr", roc_auc_score(truth, probabilities, multi_class="ovr", average="macro"))
tell("balanced", balanced_accuracy_score(truth, probabilities.argmax(1)))

u = Lcg(23)
train, test = u.many(40, 6), u.many(9, 6)
labels = (train[:, 0] * 2 + train[:, 1] + u.many(40) * 0.5).astype(int)
assert set(labels) == {0, 1, 2, 3} or set(labels) == {0, 1, 2}, set(labels)
scaler = StandardScaler().fit(train)
for strength in (0.1, 10.0):
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=10000).fit(scaler.transform(train), labels)
    tell(f"logistic.{strength}", *model.predict_proba(scaler.transform(test)).ravel())
tell("ridge", *Ridge(alpha=2.0).fit(scaler.transform(train), train[:, 2] ** 2 + labels).predict(scaler.transform(test)))

noisy = Lcg(11).many(24) + 0.05 * np.arange(24)
tell("isotonic", *IsotonicRegression().fit_transform(np.arange(24), noisy))

with open(pathlib.Path(__file__).with_suffix(".csv"), "w", newline="") as file:
    out = csv.writer(file, lineterminator="\n")
    out.writerow(("name", "index", "value"))
    out.writerows(rows)
