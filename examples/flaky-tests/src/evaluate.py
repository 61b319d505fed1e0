"""Judges a model on a grid and writes metrics as JSON.

TAGBOAT_MODEL, TAGBOAT_DATA_TESTGRID and TAGBOAT_METRICS name the model, the grid and the file to write.
The model may be older than this code: labels come from the model, everything else from the grid, so that
two models judged on one grid can be compared.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import silhouette_score

import features
import model as model_file
import testgrid

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
SAMPLE = 2000


def evaluate(model, grid):
    """The metrics, as plain numbers; silhouette is None when fewer than two clusters are found."""
    rows, matrix, index = model_file.usable(grid)
    labels = model_file.nearest_core(model, matrix)
    row_labels = labels[index]
    clustered = row_labels[row_labels != model_file.NOISE]
    sizes = np.unique(clustered, return_counts=True)[1]
    scores = matrix[index]
    return {
        "tests": len(rows),
        "tests_left_out": len(grid.rows) - len(rows),
        "clusters": len(sizes),
        "largest_cluster_ratio": round(float(sizes.max(initial=0)) / len(rows), 6),
        "noise_ratio": round(1 - len(clustered) / len(rows), 6),
        "silhouette": silhouette(scores, row_labels),
        "mean_pass_rate": round(float(scores[:, features.NAMES.index("pass_rate")].mean()), 6),
    }


def silhouette(matrix, labels, sample=SAMPLE, seed=SEED):
    """Mean silhouette of the clustered rows of a seeded sample: all small clusters are in it.

    Clusters count equally however large they are, otherwise the one cluster of tests that always pass
    would decide alone.
    """
    chosen, weights = _sample(labels, sample, np.random.default_rng(seed))
    found = np.unique(labels[chosen])
    if not 2 <= len(found) < len(chosen):
        return None
    return round(float(weights(matrix[chosen], labels[chosen])), 6)


def _sample(labels, sample, random):
    raise NotImplementedError
