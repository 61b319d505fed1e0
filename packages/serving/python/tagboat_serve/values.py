"""JSON values of what models return, and the tensors of the Open Inference Protocol."""

import base64
import json
import math


class BadRequest(ValueError):
    """The request cannot be answered; the message says what was expected."""


def plain(value):
    """A value that JSON can hold, from numpy arrays and scalars, sets, tuples and dates."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    return str(value)


def encode(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def tensor_rows(tensor):
    """The values of one input tensor, nested by its shape (Open Inference Protocol, `data` may be flat or nested)."""
    try:
        shape, datatype, data = tensor["shape"], tensor["datatype"], tensor["data"]
    except (KeyError, TypeError):
        raise BadRequest('each of "inputs" needs name, shape, datatype and data') from None
    flat = list(_flatten(data))
    size = math.prod(shape) if shape else 1
    if len(flat) != size:
        raise BadRequest(f'input "{tensor.get("name")}": shape {shape} needs {size} values, found {len(flat)}')
    if datatype == "BYTES":
        flat = [item.decode() if isinstance(item, bytes) else str(item) for item in flat]
    return _nest(flat, shape)


def _flatten(data):
    if isinstance(data, list):
        for item in data:
            yield from _flatten(item)
    else:
        yield data


def _nest(flat, shape):
    if len(shape) <= 1:
        return flat
    step = len(flat) // shape[0] if shape[0] else 0
    return [_nest(flat[index * step : (index + 1) * step], shape[1:]) for index in range(shape[0])]


def tensor_of(name, value):
    """An output tensor; what is no array of numbers becomes BYTES of JSON."""
    value = plain(value)
    items = value if isinstance(value, list) else [value]
    shape = _shape(items)
    flat = list(_flatten(items))
    if shape and all(isinstance(item, bool) for item in flat):
        return {"name": name, "shape": shape, "datatype": "BOOL", "data": flat}
    if shape and all(isinstance(item, int) for item in flat):
        return {"name": name, "shape": shape, "datatype": "INT64", "data": flat}
    if shape and all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in flat):
        return {"name": name, "shape": shape, "datatype": "FP64", "data": flat}
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts}


def _shape(items):
    shape = [len(items)]
    while items and all(isinstance(item, list) for item in items):
        lengths = {len(item) for item in items}
        if len(lengths) != 1:
            return None
        shape.append(lengths.pop())
        items = [inner for item in items for inner in item]
    return None if any(isinstance(item, (list, dict)) for item in items) else shape
