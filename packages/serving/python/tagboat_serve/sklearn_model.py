"""Serves a scikit-learn estimator (joblib or pickle file)."""

import copy
import os
import pickle

from .features import rows_of
from .tensors import datatype_of
from .values import BadRequest


def load_sklearn(path):
    estimator = _read(path)
    if not callable(getattr(estimator, "predict", None)):
        raise ValueError(f"{os.path.basename(path)} holds a {type(estimator).__name__}, which cannot predict")
    return SklearnModel(estimator)


def _read(path):
    try:
        import joblib
    except ImportError:
        with open(path, "rb") as file:
            return pickle.load(file)
    return joblib.load(path)


class SklearnModel:
    platform = "tagboat_sklearn"
    page = None

    def __init__(self, estimator):
        self.estimator = estimator
        names = getattr(estimator, "feature_names_in_", None)
        self.names = None if names is None else [str(name) for name in names]
        width = len(self.names) if self.names else getattr(estimator, "n_features_in_", None)
        row = {"type": "array", "items": {"type": "number"}}
        if width:
            row.update(minItems=int(width), maxItems=int(width))
        if self.names:
            row["description"] = ", ".join(self.names)
        rows = {"type": "array", "items": row}
        self.schema = {"type": "object", "properties": {"instances": rows}, "required": ["instances"]}
        self.example = {"instances": [[0.0] * (width or 1)]}
        self.inputs = [{"name": "input", "datatype": "FP64", "shape": [-1, int(width or -1)]}]
        self.outputs = [{"name": "predict", "datatype": _predicted(estimator), "shape": [-1]}]
        if hasattr(estimator, "predict_proba"):
            self.outputs.append({"name": "predict_proba", "datatype": "FP64", "shape": [-1, -1]})

    def predict(self, inputs):
        rows = inputs.get("instances", inputs.get("inputs")) if isinstance(inputs, dict) else inputs
        if not isinstance(rows, list):
            raise BadRequest('expected a list of rows, or {"instances": [...]}')
        if rows and all(isinstance(row, dict) for row in rows):
            columns = list(rows[0])
            rows = self._ordered(columns, [[_cell(row, name) for name in columns] for row in rows])
        answer = {"predictions": self.estimator.predict(rows)}
        if hasattr(self.estimator, "predict_proba"):
            answer["probabilities"] = self.estimator.predict_proba(rows)
            answer["classes"] = getattr(self.estimator, "classes_", None)
        return answer

    def table(self, columns, rows):
        return self.estimator.predict(self._ordered(columns, rows))

    def infer(self, tensors):
        if len(tensors) == 1:
            rows = next(iter(tensors.values()))
        else:  # one tensor per column
            columns = [[row[0] if isinstance(row, list) and len(row) == 1 else row for row in t] for t in tensors.values()]
            if len({len(column) for column in columns}) != 1:
                raise BadRequest("expected input tensors of one length, each a column")
            rows = self._ordered(list(tensors), [list(row) for row in zip(*columns)])
        answers = [("predict", self.estimator.predict(rows))]
        if hasattr(self.estimator, "predict_proba"):
            answers.append(("predict_proba", self.estimator.predict_proba(rows)))
        return answers

    def shadow(self, keep):
        """A model that only tells the rows it is asked for."""
        asked = copy.copy(self)
        asked.estimator = _Listener(keep)
        return asked

    def _ordered(self, columns, rows):
        """The rows with their columns in the order of training: a request may name them in any order."""
        if self.names is None:
            return rows
        missing = [name for name in self.names if name not in columns]
        if missing:
            raise BadRequest(f"expected the columns {', '.join(self.names)}; missing: {', '.join(missing)}")
        places = [columns.index(name) for name in self.names]
        return [[row[place] for place in places] for row in rows]


def _predicted(estimator):
    """The datatype of what it predicts: one of its classes, or the number of a cluster."""
    known = [getattr(estimator, name, None) for name in ("classes_", "labels_")]
    found = next((array for array in known if hasattr(array, "dtype")), None)
    return "FP64" if found is None else datatype_of(found) or "BYTES"


class _Listener:
    """Stands for the estimator."""

    def __init__(self, keep):
        self._keep = keep

    def predict(self, rows):
        self._keep(rows_of(rows))


def _cell(row, name):
    if name not in row:
        raise BadRequest(f'a row has no "{name}", which the first one has')
    return row[name]
