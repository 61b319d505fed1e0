"""Loads the user's predictor, or a model file by its format, behind one interface."""

import copy
import importlib.util
import inspect
import os
import sys
import traceback

from .features import rows_of
from .schema import example_of, inputs_of, type_of
from .sklearn_model import load_sklearn
from .tensors import from_texts
from .values import plain


class LoadError(Exception):
    """The model cannot be served; the message is for the person who wrote it."""


class PredictorModel:
    """The user's predictor. `table` and `infer` bring the other protocols' requests to its `predict`."""

    platform = "tagboat_predictor"

    def __init__(self, predictor):
        self.predict = predictor.predict
        features = getattr(predictor, "features", None)
        self.features = features if callable(features) else None
        self.schema = plain(_value(predictor, "input_schema", "schema"))
        example = plain(_value(predictor, "example"))
        self.example = example_of(self.schema) if example is None else example
        page = getattr(predictor, "page", None)
        self.page = page if callable(page) else None
        self.inputs = inputs_of(self.schema)
        self.outputs = [{"name": "output", "datatype": "BYTES", "shape": [-1]}]

    def table(self, columns, rows):
        """The predictions for rows of named columns."""
        return self.predict([dict(zip(columns, row)) for row in rows])

    def infer(self, tensors):
        """[(name, value)] for input tensors by name."""
        fields = self.schema.get("properties", {}) if isinstance(self.schema, dict) else {}
        if fields and all(name in fields for name in tensors):
            value = {name: _field(fields[name], item) for name, item in tensors.items()}
        else:
            value = tensors if len(tensors) > 1 else from_texts(next(iter(tensors.values())))
        return [("output", self.predict(value))]

    def shadow(self, keep):
        """A model that only tells the rows of features it is asked for: the predictor's own, else those of its inputs."""
        asked = copy.copy(self)
        asked.predict = lambda inputs: keep(rows_of(self.features(inputs) if self.features else inputs))
        return asked


def _field(schema, values):
    """A field that is no list is carried by a tensor of one element."""
    one = type_of(schema) not in ("array", None) and isinstance(values, list) and len(values) == 1
    return values[0] if one else values


def _value(predictor, *names):
    for name in names:
        found = getattr(predictor, name, None)
        if found is not None:
            return found() if callable(found) else found
    return None


def load_model(settings):
    """@raises LoadError with one message for people, whatever the user's code raised"""
    try:
        return _load(settings)
    except LoadError:
        raise
    except SyntaxError as error:
        where = f"{_relative(error.filename or '', settings)}:{error.lineno}: "
        raise LoadError(f"{where}{type(error).__name__}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        hint = " (is it among the model's requirements?)" if isinstance(error, ModuleNotFoundError) else ""
        raise LoadError(f"{_place(error, settings)}{type(error).__name__}: {error}{hint}") from error


def _place(error, settings):
    """`file:line: ` of the newest line of the user's own code, or nothing."""
    root = os.path.join(os.path.abspath(settings.app_dir), "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if os.path.abspath(frame.filename).startswith(root)]
    own = [frame for frame in own if "site-packages" not in frame.filename]
    return f"{_relative(own[-1].filename, settings)}:{own[-1].lineno}: " if own else ""


def _relative(filename, settings):
    return os.path.relpath(filename, settings.app_dir)


def _load(settings):
    if settings.app_dir not in sys.path:
        sys.path.insert(0, settings.app_dir)
    if settings.predictor:
        return _load_predictor(settings)
    if settings.format == "sklearn":
        return load_sklearn(settings.model_path)
    found = f"TAGBOAT_FORMAT={settings.format}" if settings.format else "neither"
    raise LoadError(f"expected TAGBOAT_PREDICTOR (file.py:Class) or TAGBOAT_FORMAT=sklearn, found {found}")


def _load_predictor(settings):
    path, _, name = settings.predictor.partition(":")
    if not path or not name:
        raise LoadError(f'expected serve.predictor "file.py:Class", found "{settings.predictor}"')
    file = os.path.join(settings.app_dir, path)
    if not os.path.isfile(file):
        raise LoadError(f"there is no file {path} in the image (serve.predictor: {settings.predictor})")
    if os.path.dirname(file) not in sys.path:
        sys.path.insert(0, os.path.dirname(file))
    spec = importlib.util.spec_from_file_location("tagboat_predictor", file)
    if spec is None or spec.loader is None:
        raise LoadError(f"expected a Python file in serve.predictor, found {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["tagboat_predictor"] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        raise LoadError(f"{path} has no class {name} (serve.predictor: {settings.predictor})")
    predictor = _instance(found, settings.model_path)
    if predictor is None:
        raise LoadError(f"{name}.load in {path} returned nothing; expected it to return the predictor")
    if not callable(getattr(predictor, "predict", None)):
        raise LoadError(f"the class {name} in {path} has no method predict(inputs)")
    if inspect.iscoroutinefunction(predictor.predict) or inspect.isasyncgenfunction(predictor.predict):
        raise LoadError(f"{name}.predict in {path} is async, and nothing here awaits it: expected def predict(self, inputs)")
    return PredictorModel(predictor)


def _instance(found, model_path):
    """`load` may be a class or static method that returns the predictor, or a method of an instance made without arguments."""
    declared = inspect.getattr_static(found, "load", None)
    if declared is None:
        return found(model_path) if inspect.signature(found).parameters else found()
    if isinstance(declared, (classmethod, staticmethod)):
        return found.load(model_path)
    predictor = found()
    loaded = predictor.load(model_path)
    return loaded if isinstance(loaded, found) else predictor
