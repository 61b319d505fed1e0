"""Loads the user's predictor, or a model file by its format, behind one interface."""

import importlib.util
import inspect
import os
import sys


class LoadError(Exception):
    """The model cannot be served; the message is for the person who wrote it."""


class Model:
    """`predict` takes JSON values and gives JSON values; `schema` describes the input; `page` may give HTML."""

    def __init__(self, predict, schema=None, page=None, kind="predictor"):
        self.predict = predict
        self.schema = schema
        self.page = page
        self.kind = kind


def load_model(settings) -> Model:
    if settings.predictor:
        return _load_predictor(settings)
    if settings.format == "sklearn":
        return _load_sklearn(settings.model_path)
    raise LoadError("expected TAGBOAT_PREDICTOR (file.py:Class) or TAGBOAT_FORMAT=sklearn, found neither")


def _load_predictor(settings) -> Model:
    path, _, name = settings.predictor.partition(":")
    file = os.path.join(settings.app_dir, path)
    if not os.path.isfile(file):
        raise LoadError(f"there is no file {path} in the image (serve.predictor: {settings.predictor})")
    for directory in (settings.app_dir, os.path.dirname(file)):
        if directory not in sys.path:
            sys.path.insert(0, directory)
    spec = importlib.util.spec_from_file_location("tagboat_predictor", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tagboat_predictor"] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        raise LoadError(f"{path} has no class {name} (serve.predictor: {settings.predictor})")
    predictor = _instance(found, settings.model_path)
    if not callable(getattr(predictor, "predict", None)):
        raise LoadError(f"the class {name} in {path} has no method predict(inputs)")
    schema = getattr(predictor, "input_schema", None) or getattr(predictor, "schema", None)
    page = getattr(predictor, "page", None)
    return Model(predictor.predict, schema() if callable(schema) else schema, page if callable(page) else None)


def _instance(found, model_path):
    """`load` may be a class or static method that returns the predictor, or a method of an instance made without arguments."""
    declared = inspect.getattr_static(found, "load", None)
    if declared is None:
        return found(model_path) if _takes_argument(found) else found()
    if isinstance(declared, (classmethod, staticmethod)):
        return found.load(model_path)
    predictor = found()
    loaded = predictor.load(model_path)
    return loaded if isinstance(loaded, found) else predictor


def _takes_argument(found):
    return len(inspect.signature(found).parameters) > 0


def _load_sklearn(path) -> Model:
    try:
        import joblib
    except ImportError as error:
        raise LoadError("format sklearn needs the package joblib in the environment") from error
    estimator = joblib.load(path)
    if not callable(getattr(estimator, "predict", None)):
        raise LoadError(f"{os.path.basename(path)} holds a {type(estimator).__name__}, which cannot predict")

    def predict(inputs):
        rows = inputs.get("instances", inputs.get("inputs")) if isinstance(inputs, dict) else inputs
        if rows is None:
            raise ValueError('expected a list of rows, or {"instances": [...]}')
        return {"predictions": estimator.predict(rows)}

    columns = getattr(estimator, "n_features_in_", None)
    row = {"type": "array", "items": {"type": "number"}}
    if columns:
        row.update(minItems=columns, maxItems=columns, example=[0.0] * columns)
    schema = {"type": "object", "properties": {"instances": {"type": "array", "items": row}}}
    return Model(predict, schema, kind="sklearn")
