import dataclasses
import os
import sys
import unittest
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tagboat_serve.sklearn_model import SklearnModel  # noqa: E402
from tagboat_serve.tensors import read_inputs, tensor_of  # noqa: E402
from tagboat_serve.values import NotJson, encode, plain  # noqa: E402


@dataclasses.dataclass
class Answer:
    label: str
    scores: list


class Array(list):
    """As far as numpy's arrays are looked at."""

    def __init__(self, values, kind, shape):
        super().__init__(values)
        self.dtype = SimpleNamespace(name=kind)
        self.shape = shape


class Values(unittest.TestCase):
    def test_what_can_be_listed_is_a_list(self):
        for value in (range(3), iter([0, 1, 2]), (at for at in range(3)), {0: "a", 1: "b", 2: "c"}.keys()):
            self.assertEqual(encode(value), b"[0,1,2]")
        self.assertEqual(plain(map(int, "12")), [1, 2])
        self.assertEqual(plain(Answer("a", [1.0])), {"label": "a", "scores": [1.0]})

    def test_what_is_no_value_is_no_answer(self):
        async def later():
            return 1

        waiting = later()
        for value in (waiting, object(), {"a": [object()]}):
            with self.assertRaises(NotJson):
                encode(value)
            with self.assertRaises(NotJson):
                plain(value)
        waiting.close()

    def test_a_tensor_keeps_the_shape_of_its_array(self):
        tensor = tensor_of("x", Array([], "float32", (0, 3)))
        self.assertEqual((tensor["shape"], tensor["datatype"]), ([0, 3], "FP32"))

    def test_a_tensor_without_data_is_nested_by_its_shape(self):
        tensor = {"name": "x", "shape": [2, 1, 0], "datatype": "FP64", "data": []}
        self.assertEqual(read_inputs({"inputs": [tensor]}), {"x": [[[]], [[]]]})

    def test_metadata_tell_the_datatype_of_predictions(self):
        def predicted(**known):
            return SklearnModel(SimpleNamespace(predict=None, **known)).outputs[0]["datatype"]

        self.assertEqual(predicted(), "FP64")
        self.assertEqual(predicted(classes_=Array([0, 1], "int64", (2,))), "INT64")
        self.assertEqual(predicted(classes_=Array(["a"], "str32", (1,))), "BYTES")
        self.assertEqual(predicted(labels_=Array([0], "int32", (1,))), "INT32")


if __name__ == "__main__":
    unittest.main()
