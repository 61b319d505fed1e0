import json
import os
import random
import sys
import tempfile
import unittest
from types import SimpleNamespace

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tagboat_serve.features import flatten, rows_of  # noqa: E402
from tagboat_serve.model import PredictorModel  # noqa: E402
from tagboat_serve.profile import TooFewRows, profile_of  # noqa: E402
from tagboat_serve.recorder import Recorder, load_recorder  # noqa: E402
from tagboat_serve.reference import NoReference, from_data, from_reference, names_of  # noqa: E402
from tagboat_serve.routes import Service  # noqa: E402
from tagboat_serve.sklearn_model import SklearnModel  # noqa: E402
from tagboat_serve.tables import NotATable, read_table  # noqa: E402
from test_serve import Served  # noqa: E402


class Rows(unittest.TestCase):
    def test_an_object_or_a_list_of_values_is_a_row_and_a_list_of_either_is_many(self):
        self.assertEqual(rows_of({"a": 1}), [{"a": 1}])
        self.assertEqual(rows_of([1, 2]), [[1, 2]])
        self.assertEqual(rows_of([{"a": 1}, {"a": 2}]), [{"a": 1}, {"a": 2}])
        self.assertEqual(rows_of({"instances": [[1, 2], [3, 4]]}), [[1, 2], [3, 4]])
        self.assertEqual(rows_of("text"), [["text"]])
        self.assertEqual(rows_of([]), [])

    def test_what_stands_deeper_is_named_by_its_path(self):
        self.assertEqual(flatten({"a": {"b": 1, "c": {"d": None}}, "e": 2}), {"a.b": 1, "a.c.d": None, "e": 2})
        self.assertEqual(sorted(flatten({"r": [1, 2, {"x": 3}]})["r"]), [1, 2])

    def test_depth_and_width_are_bounded(self):
        deep = row = {}
        for _ in range(900):
            row["a"] = row = {}
        self.assertLess(len(flatten(deep)), 10)
        self.assertLessEqual(len(flatten({"x": {str(at): at for at in range(50_000)}})), 10_000)
        self.assertLessEqual(len(flatten({"x": list(range(10**6))})["x"]), 100)


class Profiles(unittest.TestCase):
    def test_quantile_bins_for_numbers_and_counts_for_categories(self):
        rows = [{"x": at, "kind": "ab"[at % 2], "id": f"i{at}", "flag": True, "few": at % 3} for at in range(1000)]
        profile = profile_of([*rows, {"x": None, "kind": None}])
        x, kind, name, flag, few = profile["features"]
        self.assertEqual(x["edges"], [float(at) for at in range(99, 999, 100)])
        self.assertEqual(x["counts"], [100] * 10 + [0, 1])
        self.assertEqual((kind["categories"], kind["counts"]), (["a", "b"], [500, 500, 0, 1]))
        self.assertEqual((name["categories"], name["counts"]), ([], [1000, 1]))
        self.assertEqual(flag["categories"], ["true"])
        self.assertEqual(sorted(few["categories"]), ["0", "1", "2"])

    def test_ties_never_hide_a_shift(self):
        mostly = [[0.0]] * 950 + [[float(at)] for at in range(1, 51)]
        self.assertEqual(profile_of(mostly)["features"][0]["edges"], [0.0])
        top = [[100.0]] * 950 + [[float(at)] for at in range(50)]
        self.assertEqual(profile_of(top)["features"][0]["edges"], [49.0])

    def test_too_little_is_said(self):
        with self.assertRaisesRegex(TooFewRows, "at least 20 rows, found 3"):
            profile_of([[1]] * 3)

    def test_very_wide_rows_are_watched_in_part(self):
        profile = profile_of([list(range(10_000))] * 30)
        self.assertEqual((len(profile["features"]), profile["width"], profile["leftOut"]), (200, 10_000, 9800))


    def test_features_with_endless_names_are_left_out(self):
        profile = profile_of([{"x" * 201: 1, "y": at} for at in range(30)])
        self.assertEqual([(feature["name"], feature["index"]) for feature in profile["features"]], [("y", 1)])
        self.assertEqual((profile["width"], profile["leftOut"]), (2, 1))


class Tables(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.directory.cleanup()

    def file(self, name, text):
        path = os.path.join(self.directory.name, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_columns_of_numbers_are_numbers(self):
        path = self.file("t.csv", "x,word\n1,7\n,b\n2.5,c\n")
        self.assertEqual(read_table(path), (["x", "word"], [[1, "7"], [None, "b"], [2.5, "c"]]))
        self.assertEqual(read_table(self.file("t.jsonl", '{"a": 1}\n{"a": 2}\n')), (None, [{"a": 1}, {"a": 2}]))
        self.assertEqual(read_table(self.file("t.json", '{"columns": ["a"], "data": [[1]]}')), (["a"], [[1]]))

    def test_what_is_no_table_is_said(self):
        for name, text, message in (
            ("t.csv", "", "empty"),
            ("t.json", "{", "t.json"),
            ("t.txt", "", "expected CSV"),
            ("t.csv.gz", "no gzip", "t.csv.gz"),
        ):
            with self.assertRaisesRegex(NotATable, message):
                read_table(self.file(name, text))

    def test_the_answers_in_a_table_are_no_features(self):
        path = self.file("t.csv", "y,b,a\n" + "".join(f"1,{at},{-at}\n" for at in range(50)))
        names = [feature["name"] for feature in from_reference(path, ["a", "b"])["features"]]
        self.assertEqual(names, ["a", "b"])
        self.assertEqual(from_data([self.file("n.bin", "x"), path], ["a", "b"])["rows"], 50)
        with self.assertRaisesRegex(NoReference, "as columns"):
            from_data([path], ["a", "c"])
        with self.assertRaisesRegex(NoReference, "does not name"):
            from_data([path], None)


class Names(unittest.TestCase):
    def test_a_model_names_its_features_or_does_not(self):
        row = {"type": "object", "properties": {"b": {}, "a": {}}}
        for schema in (row, {"type": "array", "items": row}, {"$ref": "#/$defs/row", "$defs": {"row": row}}):
            self.assertEqual(names_of(SimpleNamespace(schema=schema)), ["b", "a"])
        rows = {"type": "object", "properties": {"instances": {}}}
        self.assertEqual(names_of(SimpleNamespace(names=["x"], schema=rows)), ["x"])
        self.assertIsNone(names_of(SimpleNamespace(names=None, schema=rows)))
        self.assertIsNone(names_of(SimpleNamespace(schema=None)))


class Estimator:
    """As much of scikit-learn's as the server asks."""

    feature_names_in_ = ("a", "b")
    n_features_in_ = 2

    def predict(self, rows):
        raise AssertionError("it was asked only for its rows")


class Shadows(unittest.TestCase):
    def test_an_estimators_rows_are_in_the_order_of_training(self):
        service = Service(SimpleNamespace(name="m", version="1"), None)
        service.model = SklearnModel(Estimator())
        self.assertEqual(names_of(service.model), ["a", "b"])
        column = {"shape": [2], "datatype": "INT64"}
        tensors = [{**column, "name": "b", "data": [2, 4]}, {**column, "name": "a", "data": [1, 3]}]
        asked = {
            "/predict": [{"b": 2, "a": 1}, {"b": 4, "a": 3}],
            "/invocations": {"dataframe_split": {"columns": ["b", "a"], "data": [[2, 1], [4, 3]]}},
            "/v2/models/m/infer": {"inputs": tensors, "outputs": [{"name": "predict_proba"}]},
        }
        for path, body in asked.items():
            self.assertEqual(service.rows_asked(path, json.dumps(body).encode(), ""), [[1, 2], [3, 4]])

    def test_a_predictor_says_itself_what_its_features_are(self):
        class Length:
            def predict(self, inputs):
                raise AssertionError("it was asked only for its features")

            def features(self, inputs):
                return {"length": len(inputs["text"])}

        service = Service(SimpleNamespace(name="m", version="1"), None)
        service.model = PredictorModel(Length())
        self.assertEqual(service.rows_asked("/predict", b'{"text": "four"}', ""), [{"length": 4}])


class Recording(unittest.TestCase):
    def setUp(self):
        rows = [{"x": float(at), "kind": "ab"[at % 2]} for at in range(200)]
        self.recorder = Recorder(profile_of(rows), clock=lambda: 0)

    def observe(self, rows, size=10):
        if self.recorder.admit(size):
            self.recorder.observe(size, lambda: rows)
        return self.recorder.facts()

    def test_counts_in_the_bins_of_the_reference(self):
        counts = self.observe([{"x": 5, "kind": "a"}, {"x": 1e9, "kind": "c"}, {"kind": None}])["counts"]
        self.assertEqual(counts[0], [1, *[0] * 8, 1, 0, 1])
        self.assertEqual(counts[1], [1, 0, 1, 1])

    def test_hostile_rows_never_fail(self):
        x = {"x": 10**400, "kind": 10**5000}
        hostile = [[1], [1, 2], "text", 7, None, x, {"x": "1e3", "kind": {"a": 1}}, {"x": float("nan")}]
        hostile += [{"x": float("inf"), "kind": float("nan")}, {"x": [1, [2], {"y": 1}]}, {"x": True}, {}]
        facts = self.observe(hostile)
        self.assertEqual(facts["observed"] + facts["malformed"], len(hostile))
        self.assertTrue(all(count >= 0 for counts in facts["counts"] for count in counts))
        for at in range(3000):
            self.observe([{"kind": f"new {at}"}])
        self.assertEqual([len(counts) for counts in self.recorder.facts()["counts"]], [12, 4])

    def test_a_broken_reader_is_counted(self):
        def broken():
            raise SystemExit("no")

        self.recorder.admit(1)
        self.recorder.observe(1, broken)
        self.assertEqual(self.recorder.facts()["malformed"], 1)

    def test_its_time_and_memory_are_bounded(self):
        now = [0.0]
        self.recorder._clock = lambda: now[0]
        self.assertFalse(self.recorder.admit(5 * 2**20))

        def slow():
            now[0] += 1.5
            return []

        self.recorder.admit(1)
        self.recorder.observe(1, slow)
        self.assertFalse(self.recorder.admit(1))
        now[0] += 20
        self.assertTrue(all(self.recorder.admit(1) for _ in range(64)))
        self.assertFalse(self.recorder.admit(1))


class Serving(Served):
    def setUp(self):
        super().setUp()
        self.process.kill()
        self.process.communicate()
        path = os.path.join(self.directory.name, "reference.json")
        with open(path, "w") as file:
            json.dump(profile_of([[random.random(), float(at)] for at in range(100)]), file)
        more = {"TAGBOAT_PREDICTOR": "p.py:Sum", "TAGBOAT_REFERENCE_PROFILE": path, "TAGBOAT_MODEL_DIGEST": "sha256:1"}
        self.start(more)

    def test_counts_what_every_protocol_asks(self):
        self.ask("POST", "/predict", [0.5, 2])
        tensor = {"name": "x", "shape": [2], "datatype": "FP64", "data": [3, 4]}
        self.ask("POST", "/v2/models/m/infer", {"inputs": [tensor]})
        self.ask("POST", "/invocations", {"instances": [0.1, 1]})
        self.ask("POST", "/predict", {"a": 1})  # refused: the model never saw it
        self.ask("POST", "/predict", [1, 2, 3])
        status, facts = self.settled(4)
        self.assertEqual((status, facts["model"], facts["observed"], facts["malformed"]), (200, "sha256:1", 3, 1))
        self.assertEqual([sum(counts) for counts in facts["counts"]], [3, 3])
        self.assertIn("tagboat_model_inputs_observed_total", self.ask("GET", "/metrics")[1])

    def settled(self, seen):
        """Inputs are counted after the answer; a request to the model is behind that in the pool."""
        self.ask("GET", "/")
        status, facts = self.ask("GET", "/inputs")
        self.assertEqual(facts["observed"] + facts["malformed"], seen)
        return status, facts

    def test_a_server_without_a_reference_says_so(self):
        self.process.kill()
        self.process.communicate()
        self.start({"TAGBOAT_PREDICTOR": "p.py:Sum"})
        self.assertEqual(self.ask("GET", "/inputs")[0], 404)

    def test_a_broken_reference_is_no_reason_not_to_serve(self):
        path = os.path.join(self.directory.name, "broken.json")
        with open(path, "w") as file:
            file.write("[]")
        self.assertIsNone(load_recorder(path))


del Served

if __name__ == "__main__":
    unittest.main()
