"""JSON values of what models return."""

import base64
import dataclasses
import inspect
import json
import math
from collections.abc import Iterable, Mapping


class BadRequest(ValueError):
    """The request cannot be answered; the message says what was expected."""


class NotJson(Exception):
    """What a model gave is no value that JSON can hold."""


def plain(value):
    """
    A value that JSON can hold, from numpy and pandas values, dataclasses, whatever can be listed, bytes (base64) and dates;
    NaN is null. @raises NotJson
    """
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    converted = _converted(value)
    return converted if isinstance(converted, str) else plain(converted)


def _key(key):
    key = key.item() if hasattr(key, "item") else key
    return key if isinstance(key, str) else str(key)


def _converted(value):
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dicts"):  # of polars
        return value.to_dicts()
    if hasattr(value, "to_dict"):
        return value.to_dict("records") if hasattr(value, "columns") else value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    kind = type(value)
    has_text = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
    if not has_text or inspect.isawaitable(value) or hasattr(value, "__aiter__"):
        raise NotJson(f"expected numbers, texts, lists and dicts of the model, found {kind.__name__}")
    return str(value)


def encode(value) -> bytes:
    """JSON in UTF-8. Text that is no Unicode (a lone surrogate) is escaped, so that every value has an answer."""
    try:
        text = _dumps(value, False)
    except (ValueError, TypeError):  # NaN, or keys that are not text
        value = plain(value)
        text = _dumps(value, False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _dumps(value, True).encode()


def _dumps(value, ascii_only):
    return json.dumps(
        value, separators=(",", ":"), allow_nan=False, ensure_ascii=ascii_only, default=_converted
    )


def decode(body):
    """The JSON of a request's body. @raises BadRequest saying where it is wrong"""
    try:
        return json.loads(body)
    except RecursionError:
        raise BadRequest("expected JSON: it is nested too deeply") from None
    except (ValueError, UnicodeDecodeError) as error:
        found = "" if body.strip() else " (the body is empty)"
        raise BadRequest(f"expected JSON: {error}{found}") from None
