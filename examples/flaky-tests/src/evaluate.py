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
from sklearn.metrics import silhouette_samples

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
    """Mean silhouette of the clusters, from a seeded sample of the clustered rows.

    Clusters count equally however large they are, otherwise the one cluster of tests that always pass
    would decide alone.
    """
    chosen = _sample(labels, sample, np.random.default_rng(seed))
    found = np.unique(labels[chosen])
    if not 2 <= len(found) < len(chosen):
        return None
    values = silhouette_samples(matrix[chosen], labels[chosen])
    return round(float(np.mean([values[labels[chosen] == label].mean() for label in found])), 6)


def _sample(labels, sample, random):
    """Places of at most `sample` clustered rows; each cluster gives an equal share, or all it has."""
    found = [np.flatnonzero(labels == label) for label in np.unique(labels) if label != model_file.NOISE]
    if not found:
        return np.zeros(0, dtype=int)
    share = max(2, sample // len(found))
    parts = [random.choice(places, share, replace=False) if len(places) > share else places for places in found]
    return np.sort(np.concatenate(parts))


def main():
    model = model_file.load(os.environ.get("TAGBOAT_MODEL", ROOT / "models/flaky-tests.joblib"))
    grid = testgrid.load(os.environ.get("TAGBOAT_DATA_TESTGRID", ROOT / "data/raw/testgrid.json.gz"))
    target = Path(os.environ.get("TAGBOAT_METRICS", ROOT / "reports/metrics.json"))
    metrics = evaluate(model, grid)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(metrics, indent=2) + "\n")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"evaluate: {error}")
