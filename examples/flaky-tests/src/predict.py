"""The predictor: how flaky is this test, judging by its recent results?

The platform loads the class once and asks it; it needs only numpy and joblib:

    predictor = FlakyTests.load("models/flaky-tests.joblib")
    predictor.predict({"name": "login works", "results": ["PASS", "FAIL", "PASS", 1, 12, 1]})
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

import features
import flakiness
import model as model_file
import page as html_page
from testgrid import LONGEST_ROW, NO_RESULT, STATUS_NAMES

MOST_TESTS = 1000
MOST_RUNS = 10_000
CODES = {name: code for code, name in enumerate(STATUS_NAMES)}
CODES.update(PASSED=1, SUCCESS=1, OK=1, FAILED=12, FAILURE=12, ERROR=12, FLAKE=13, SKIPPED=NO_RESULT)

RUN = {
    "description": "TestGrid status code, status word, or that many equal results in a row",
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": len(STATUS_NAMES) - 1},
        {"type": "string"},
        {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1},
                "value": {"type": "integer", "minimum": 0, "maximum": len(STATUS_NAMES) - 1},
            },
            "required": ["count", "value"],
        },
    ],
}
RESULTS = {"type": "array", "items": RUN, "minItems": 1, "maxItems": MOST_RUNS, "description": "newest first"}
TEST = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "results": RESULTS},
    "required": ["results"],
}


class FlakyTests:
    """Answers for one test or several; every answer is plain JSON."""

    input_schema = {
        "description": "One test's results, one named test, or a list of either",
        "anyOf": [
            RESULTS,
            TEST,
            {
                "type": "array",
                "items": {"anyOf": [TEST, RESULTS]},
                "minItems": 1,
                "maxItems": MOST_TESTS,
            },
        ],
    }
    example = {"name": "login works", "results": ["PASS", "FAIL", "PASS", "PASS", "FLAKY", 1, 1, 1, 12, 1]}

    def __init__(self, model):
        self.model = model
        self.clusters = {cluster["label"]: cluster for cluster in model["clusters"]}

    @classmethod
    def load(cls, path):
        """The predictor of the model file at `path`."""
        return cls(model_file.load(path))

    def predict(self, inputs):
        """A list with one answer per test: name, features, cluster, flakiness, sentence.

        Raises ValueError saying which test and which result is wrong.
        """
        tests = read_tests(inputs)
        matrix = features.matrix([sequence for _, sequence in tests])
        labels = model_file.nearest_core(self.model, matrix)
        points = model_file.project(self.model, matrix)
        return [
            self._answer(test, row, int(label), point)
            for test, row, label, point in zip(tests, matrix, labels, points)
        ]

    def features(self, inputs):
        """The features of every test that is asked for: the platform compares them with those of training."""
        matrix = features.matrix([sequence for _, sequence in read_tests(inputs)])
        return [dict(zip(features.NAMES, row)) for row in matrix.tolist()]

    def page(self):
        """The model as one self-contained HTML page: the clusters and the flakiest tests."""
        return html_page.render(self.model)

    def _answer(self, test, row, label, point):
        name, sequence = test
        score = flakiness.of_runs(sequence)
        return {
            "name": name,
            "results": features.results_in(sequence),
            "features": dict(zip(features.NAMES, row.tolist())),
            "cluster": label,
            "position": np.round(point, 6).tolist(),
            "flakiness": round(score.score, 6),
            "flips": score.flips,
            "considered": score.considered,
            "sentence": self._sentence(name, sequence, score, label),
        }

    def _sentence(self, name, sequence, score, label):
        results = features.results_in(sequence)
        parts = [f"{name or 'This test'}: {_verdict(sequence, score)}"]
        cluster = self.clusters.get(label)
        if label == model_file.NOISE or cluster is None:
            parts.append("Its history resembles no group of tests seen in training.")
        else:
            parts.append(
                f"Its history resembles group {label}: {cluster['tests']} tests that pass in "
                f"{cluster['pass_rate']:.0%} of their runs and are {cluster['flakiness']:.0%} flaky."
            )
        if results < model_file.MIN_RESULTS:
            parts.append(f"{results} results are few; {model_file.MIN_RESULTS} or more say more.")
        return " ".join(parts)


def _verdict(sequence, score):
    failures = sum(count for count, value in sequence if value in flakiness.FAILURES)
    if score.flips:
        degree = "very flaky" if score.score >= 0.3 else "flaky" if score.score >= 0.05 else "a little flaky"
        return f"{degree}, {score.flips} of {score.considered} considered results flipped ({score.score:.0%})."
    if failures:
        return f"broken rather than flaky, its {failures} failures came in streaks."
    if score.considered:
        return f"steady, none of {score.considered} results failed."
    return "it has not run."


def read_tests(inputs):
    """[(name or None, run-length encoded results)] of anything predict() takes."""
    inputs = _plain(inputs)
    if isinstance(inputs, dict) and "results" not in inputs:
        wrapped = [inputs[key] for key in ("instances", "tests", "inputs") if key in inputs]
        if len(wrapped) != 1:
            raise ValueError("expected {name, results}, a list of results or a list of tests")
        inputs = _plain(wrapped[0])
    if isinstance(inputs, dict):
        return [_read_test(inputs, "the test")]
    if not isinstance(inputs, list):
        raise ValueError(f"expected a list of results or of tests, found {type(inputs).__name__}")
    if not inputs:
        raise ValueError("expected at least one test with at least one result, found an empty list")
    if all(isinstance(item, (list, tuple, np.ndarray)) or _is_test(item) for item in inputs):
        if len(inputs) > MOST_TESTS:
            raise ValueError(f"at most {MOST_TESTS} tests at once, found {len(inputs)}")
        return [_read_test(_plain(item), f"test {number}") for number, item in enumerate(inputs, 1)]
    return [_read_test(inputs, "the test")]


def _is_test(item):
    return isinstance(item, dict) and not ("count" in item and "value" in item)


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value


def _read_test(test, where):
    name = None
    if isinstance(test, dict):
        name = test.get("name")
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{where}: name must be text, found {type(name).__name__}")
        where = f"{where} ({name[:100]})" if name else where
        if "results" not in test:
            raise ValueError(f"{where}: expected `results`, found {', '.join(map(str, test)) or 'nothing'}")
        test = _plain(test["results"])
    if not isinstance(test, (list, tuple)) or not test:
        raise ValueError(f"{where}: expected a list of results, newest first, with at least one result")
    if len(test) > MOST_RUNS:
        raise ValueError(f"{where}: at most {MOST_RUNS} results, found {len(test)}")
    return name, _merge([_read_run(run, f"{where}, result {place}") for place, run in enumerate(test, 1)], where)


def _read_run(run, where):
    if isinstance(run, dict):
        if set(run) != {"count", "value"}:
            raise ValueError(f"{where}: expected {{count, value}}, found {', '.join(map(str, run)) or 'nothing'}")
        count = _whole(run["count"], f"{where}: count")
        if not 1 <= count <= MOST_RUNS:
            raise ValueError(f"{where}: count must be 1..{MOST_RUNS}, found {count}")
        return count, _code(run["value"], where)
    return 1, _code(run, where)


def _code(value, where):
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        word = value.strip().upper().replace(" ", "_").replace("-", "_")
        if word not in CODES:
            raise ValueError(f"{where}: unknown status {value[:50]!r}; known: {', '.join(STATUS_NAMES)}")
        return CODES[word]
    code = _whole(value, where)
    if not 0 <= code < len(STATUS_NAMES):
        raise ValueError(f"{where}: status codes are 0..{len(STATUS_NAMES) - 1}, found {code}")
    return code


def _whole(value, where):
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{where}: expected a whole number or a status word, found {type(value).__name__}")
    if value != value or abs(value) > LONGEST_ROW or value != int(value):
        raise ValueError(f"{where}: expected a whole number, found {value}")
    return int(value)


def _merge(runs, where):
    if sum(count for count, _ in runs) > MOST_RUNS:
        raise ValueError(f"{where}: at most {MOST_RUNS} results in all")
    return tuple(runs)
