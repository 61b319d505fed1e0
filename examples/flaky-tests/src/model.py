"""What the notebook saves and the predictor loads.

The file holds plain arrays and text, no objects of any library, so an old model can be read by new code,
and equal inputs give an equal file. DBSCAN cannot predict: a new row belongs to the cluster of the nearest
core sample if that is at most eps away, otherwise it is noise.
"""

import json
from collections import defaultdict
from pathlib import Path

import joblib
import numpy as np

import features
import flakiness
from testgrid import NO_RESULT, PASS

FORMAT = "flaky-tests/1"
NOISE = -1
MIN_RESULTS = 10
REFERENCE_ROWS = 10_000
FLAKIEST = 50
PICTURE_STEPS = 160

# Of each flaky test's history, so many of the newest results; trends are read from so many equal parts of a history,
# of at most so many tests (evenly chosen: reading all of a large grid would take longer than training on it).
HISTORY = 120
PARTS = 10
TREND_TESTS = 200
TREND_CLUSTERS = 5

# DBSCAN keeps all neighbours of all rows in memory: beyond this many rows, look at coarser ones.
MOST_ROWS = 8000


def distinct(matrix):
    """Identical rows once: (rows, index of each input row in them, how often each occurs).

    More than MOST_ROWS distinct rows are rounded to fewer decimals first.
    """
    for decimals in (features.DECIMALS, 4, 3, 2, 1):
        rows, index, counts = np.unique(
            np.round(matrix, decimals) + 0.0, axis=0, return_inverse=True, return_counts=True
        )
        if len(rows) <= MOST_ROWS:
            break
    return rows, index.reshape(-1), counts


def usable(grid, min_results=MIN_RESULTS):
    """(rows with enough results, features of all distinct histories, index of each row's history)"""
    enough = [features.results_in(sequence) >= max(1, min_results) for sequence in grid.sequences]
    rows = [row for row in grid.rows if enough[row.sequence]]
    if not rows:
        raise ValueError(f"no test of the grid has {min_results} results or more")
    used = sorted({row.sequence for row in rows})
    position = {sequence: index for index, sequence in enumerate(used)}
    matrix = features.matrix([grid.sequences[sequence] for sequence in used])
    return rows, matrix, np.array([position[row.sequence] for row in rows])


def nearest_core(model, matrix):
    """The cluster of each row, by the nearest core sample; NOISE when none is within eps."""
    cores, eps = model["core_samples"], model["parameters"]["eps"]
    labels = np.full(len(matrix), NOISE)
    if len(cores) == 0:
        return labels
    step = max(1, 1_000_000 // len(cores))
    for start in range(0, len(matrix), step):
        part = matrix[start : start + step]
        squared = np.zeros((len(part), len(cores)))
        for column in range(matrix.shape[1]):
            squared += np.subtract.outer(part[:, column], cores[:, column]) ** 2
        nearest = squared.argmin(axis=1)
        near = np.sqrt(squared[np.arange(len(part)), nearest]) <= eps
        labels[start : start + step] = np.where(near, model["core_labels"][nearest], NOISE)
    return labels


def project(model, matrix):
    """The place of each row in the picture: two principal components."""
    return (matrix - model["pca_mean"]) @ model["pca_components"].T


def build(grid, rows, fitted, parameters):
    """The model: `fitted` holds matrix, labels, core, index (row -> matrix), pca_mean, pca_components."""
    matrix, labels, index = fitted["matrix"], fitted["labels"], fitted["index"]
    row_labels = labels[index]
    scores = _recent_flakiness(grid, rows, parameters["window_days"])
    model = {
        "format": FORMAT,
        "core_samples": np.ascontiguousarray(matrix[fitted["core"]]),
        "core_labels": np.ascontiguousarray(labels[fitted["core"]].astype(np.int64)),
        "pca_mean": np.round(fitted["pca_mean"], features.DECIMALS),
        "pca_components": np.ascontiguousarray(np.round(fitted["pca_components"], features.DECIMALS)),
    }
    facts = {
        "parameters": parameters,
        "features": list(features.NAMES),
        "tests": len(rows),
        "left_out": len(grid.rows) - len(rows),
        "noise": int(np.count_nonzero(row_labels == NOISE)),
        "clusters": _clusters(matrix[index], row_labels, scores),
        "picture": _picture(project(model, matrix), labels, np.bincount(index, minlength=len(matrix))),
        "flakiest": _flakiest(grid, rows, scores, row_labels),
        "trends": _trends(grid, rows, row_labels),
    }
    # By way of JSON: no number type or shared object of this process gets into the file.
    model.update(json.loads(json.dumps(facts)))
    return model


def save(model, path):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, path)


def save_reference(matrix, path, most=REFERENCE_ROWS):
    """The features of tests from all over the grid, as a table."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = matrix[:: -(-len(matrix) // most)]
    np.savetxt(path, rows, fmt="%.9g", delimiter=",", header=",".join(features.NAMES), comments="")


def load(path):
    """Loads a model. Only load files you trust: joblib files are pickles."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: expected a model file, found none; run the notebook first")
    model = joblib.load(path)
    if not isinstance(model, dict) or model.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a model of format {FORMAT}")
    return model


def _recent_flakiness(grid, rows, window_days):
    windows = [job.runs_within(window_days) for job in grid.jobs]
    known = {}
    scores = []
    for row in rows:
        key = (row.sequence, windows[row.job])
        if key not in known:
            known[key] = flakiness.of_runs(grid.sequences[row.sequence], newest=windows[row.job])
        scores.append(known[key])
    return scores


def _clusters(matrix, labels, scores):
    members = defaultdict(list)
    for position, label in enumerate(labels.tolist()):
        members[label].append(position)
    return [
        {
            "label": label,
            "tests": len(places),
            "pass_rate": round(float(np.mean(matrix[places, 0])), 6),
            "failures_streak": round(float(np.mean(matrix[places, 3])), 6),
            "flakiness": round(sum(scores[place].score for place in places) / len(places), 6),
        }
        for label, places in sorted(members.items())
    ]


def _picture(points, labels, weights):
    """Points of the picture, those that would lie on one another merged."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = np.where(high > low, high - low, 1.0)
    cells = defaultdict(int)
    for place, label, weight in zip(np.rint((points - low) / scale * PICTURE_STEPS), labels, weights):
        cells[int(label), int(place[0]), int(place[1])] += int(weight)
    return [
        {"label": label, "x": x / PICTURE_STEPS, "y": y / PICTURE_STEPS, "tests": tests}
        for (label, x, y), tests in sorted(cells.items())
    ]


def _flakiest(grid, rows, scores, labels):
    ranked = sorted(
        (place for place, score in enumerate(scores) if score.flips and score.considered >= MIN_RESULTS),
        key=lambda place: (
            -scores[place].score,
            -scores[place].considered,
            rows[place].name,
            grid.jobs[rows[place].job].name,
            grid.jobs[rows[place].job].dashboard,
        ),
    )
    return [
        {
            "test": rows[place].name,
            "job": grid.jobs[rows[place].job].name,
            "dashboard": grid.jobs[rows[place].job].dashboard,
            "flakiness": round(scores[place].score, 6),
            "flips": scores[place].flips,
            "considered": scores[place].considered,
            "cluster": int(labels[place]),
            "history": _newest(grid.sequences[rows[place].sequence], HISTORY),
            "pass_rates": [
                round(float(np.mean(part == PASS)), 6) for part in _parts(grid.sequences[rows[place].sequence])
            ],
        }
        for place in ranked[:FLAKIEST]
    ]


def _newest(sequence, most):
    """The newest `most` results as [count, value] pairs, newest first."""
    pairs, left = [], most
    for count, value in sequence:
        if left <= 0:
            break
        pairs.append([min(count, left), value])
        left -= count
    return pairs


def _parts(sequence):
    """Equal parts of the results that there are, oldest first."""
    codes = features.expand(sequence)[::-1]
    codes = codes[codes != NO_RESULT]
    return [part for part in np.array_split(codes, min(PARTS, max(1, len(codes) // 3))) if len(part)]


def _trends(grid, rows, labels):
    """How each feature went from the oldest part of the histories to the newest: means per large cluster."""
    sizes = defaultdict(int)
    for label in labels.tolist():
        sizes[label] += 1
    largest = sorted(sizes, key=lambda label: (-sizes[label], label))[:TREND_CLUSTERS]
    return [
        {"label": label, "tests": sizes[label], "features": _trend(grid, [
            row.sequence for row, found in zip(rows, labels.tolist()) if found == label
        ])}
        for label in largest
    ]


def _trend(grid, sequences):
    used = sorted(set(sequences))
    step = max(1, len(used) // TREND_TESTS)
    by_part = [[] for _ in range(PARTS)]
    for sequence in used[::step][:TREND_TESTS]:
        parts = _parts(grid.sequences[sequence])
        if len(parts) < PARTS:
            continue
        for place in range(PARTS):
            by_part[place].append(features.of_codes(parts[place][::-1]))
    means = [np.mean(part, axis=0) for part in by_part if part]
    return {
        name: [round(float(mean[place]), 6) for mean in means] for place, name in enumerate(features.NAMES)
    }
