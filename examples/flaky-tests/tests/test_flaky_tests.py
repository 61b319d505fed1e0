import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

import numpy as np
from sklearn.cluster import DBSCAN

import evaluate
import features
import flakiness
import make_grid
import model as model_file
import page as html_page
import predict
import testgrid

PASS, FAIL, FLAKY = testgrid.PASS, testgrid.FAIL, testgrid.FLAKY


def small_model(directory, **options):
    """A model trained on a made grid, and the grid."""
    path = Path(directory) / "grid.json.gz"
    make_grid.write(make_grid.make(**options), path)
    grid = testgrid.load(path)
    rows, histories, history_of = model_file.usable(grid)
    matrix, place, _ = model_file.distinct(histories)
    index = place[history_of]
    clustering = DBSCAN(eps=0.5, min_samples=5).fit(matrix, sample_weight=np.bincount(index, minlength=len(matrix)))
    fitted = {
        "matrix": matrix,
        "labels": clustering.labels_,
        "core": clustering.core_sample_indices_,
        "index": index,
        "pca_mean": matrix.mean(axis=0),
        "pca_components": np.eye(2, 6),
    }
    parameters = {"eps": 0.5, "min_samples": 5, "min_results": 10, "window_days": 30}
    return model_file.build(grid, rows, fitted, parameters), grid


class FeaturesTest(unittest.TestCase):
    def test_a_steady_test(self):
        values = dict(zip(features.NAMES, features.matrix([((20, PASS),)])[0]))
        self.assertEqual(values["pass_rate"], 1)
        self.assertEqual(values["failures_streak"], 0)
        self.assertAlmostEqual(values["kurtosis"], -3 / 20)

    def test_the_longest_streak_counts(self):
        row = features.matrix([((2, FAIL), (5, PASS), (3, FAIL))])[0]
        self.assertAlmostEqual(row[features.NAMES.index("failures_streak")], 0.3)

    @unittest.skipUnless(os.environ.get("TAGBOAT_TESTGRID_DATA"), "TAGBOAT_TESTGRID_DATA names no reference data")
    def test_the_reference(self):
        import csv

        directory = Path(os.environ["TAGBOAT_TESTGRID_DATA"])
        grid = testgrid.load(directory / "testgrid_openshift_4.6GA.json.gz")
        sequences = {}
        for row in grid.rows:
            job = grid.jobs[row.job]
            sequences[job.dashboard, job.name, row.name] = grid.sequences[row.sequence]
        with open(directory / "reference_features_4.6GA.csv", newline="") as file:
            expected = list(csv.DictReader(file))
        for chosen in ("all-images", "sample400"):
            lines = [line for line in expected if line["set"] == chosen]
            found = features.matrix([sequences[line["dashboard"], line["job"], line["test"]] for line in lines])
            wanted = np.array([[float(line[name]) for name in features.NAMES] for line in lines])
            np.testing.assert_allclose(found, wanted, atol=1e-6)
            labels = DBSCAN().fit(found).labels_
            renamed = {(int(label), int(line["dbscan_label"])) for label, line in zip(labels, lines)}
            self.assertEqual(len(renamed), len({a for a, _ in renamed}))
            self.assertEqual(len(renamed), len({b for _, b in renamed}))


class FlakinessTest(unittest.TestCase):
    def test_a_failure_between_passes_is_a_flip(self):
        self.assertEqual(flakiness.of_runs(((3, PASS), (1, FAIL), (3, PASS))).flips, 1)

    def test_a_streak_is_broken_not_flaky(self):
        self.assertEqual(flakiness.of_runs(((3, PASS), (4, FAIL), (3, PASS))).flips, 0)


class ModelTest(unittest.TestCase):
    def test_train_save_load_evaluate_predict(self):
        with tempfile.TemporaryDirectory() as directory:
            built, grid = small_model(directory, tests=60, jobs=3)
            path = Path(directory) / "model.joblib"
            model_file.save(built, path)
            metrics = evaluate.evaluate(model_file.load(path), grid)
            self.assertEqual(metrics["tests"] + metrics["tests_left_out"], 180)
            self.assertLess(metrics["noise_ratio"], 0.2)
            json.dumps(metrics, allow_nan=False)
            predictor = predict.FlakyTests.load(path)
            steady, flaky = predictor.predict([{"results": ["PASS"] * 30}, {"name": "x", "results": [1, 12] * 15}])
            self.assertEqual(steady["flakiness"], 0)
            self.assertGreater(flaky["flakiness"], 0.3)
            rows = predictor.features([{"results": ["PASS"] * 30}, ["PASS", "FAIL"] * 15])
            self.assertEqual([row["pass_rate"] for row in rows], [1.0, 0.5])
            reference = Path(directory) / "reports" / "reference.csv"
            model_file.save_reference(features.matrix([((1, 1),)] * 5), reference, most=2)
            self.assertEqual(reference.read_text().splitlines()[0], ",".join(rows[0]))
            self.assertEqual(len(reference.read_text().splitlines()), 3)
            page = predictor.page()
            self.assertIn("<svg", page)
            self.assertIn("How the features went", page)
            first = built["flakiest"][0]
            self.assertLessEqual(sum(count for count, _ in first["history"]), 120)
            self.assertTrue(all(0 <= rate <= 1 for rate in first["pass_rates"]))
            self.assertEqual(set(built["trends"][0]["features"]), set(built["features"]))

    def test_the_page_shows_old_models_and_escapes_names(self):
        with tempfile.TemporaryDirectory() as directory:
            built, _ = small_model(directory, tests=30, jobs=2)
            built["flakiest"][0]["test"] = "<script>alert(1)</script>"
            for key in ("history", "pass_rates"):
                built["flakiest"][0].pop(key)
            built.pop("trends")
            page = html_page.render(built)
            self.assertNotIn("<script>alert", page)
            self.assertNotIn("How the features went", page)

    def test_equal_data_gives_an_equal_file(self):
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for name in "ab":
                built, _ = small_model(directory, tests=20, jobs=2)
                model_file.save(built, Path(directory) / name)
                files.append((Path(directory) / name).read_bytes())
            self.assertEqual(*files)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(ValueError, "unknown status"):
            predict.read_tests(["PASS", "MAYBE"])
        with self.assertRaisesRegex(ValueError, "at least one result"):
            predict.read_tests([])


if __name__ == "__main__":
    unittest.main()
