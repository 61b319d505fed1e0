"""Tensors of the Open Inference Protocol v2 (REST), in and out."""

import json
import math

from .values import BadRequest, plain

INTEGERS = {
    "UINT8": (0, 2**8 - 1),
    "UINT16": (0, 2**16 - 1),
    "UINT32": (0, 2**32 - 1),
    "UINT64": (0, 2**64 - 1),
    "INT8": (-(2**7), 2**7 - 1),
    "INT16": (-(2**15), 2**15 - 1),
    "INT32": (-(2**31), 2**31 - 1),
    "INT64": (-(2**63), 2**63 - 1),
}
FLOATS = ("FP16", "FP32", "FP64", "BF16")
DATATYPES = ("BOOL", *INTEGERS, *FLOATS, "BYTES")
NUMPY = {"bool": "BOOL", "float16": "FP16", "float32": "FP32", "float64": "FP64"}
NUMPY.update({name.lower(): name for name in INTEGERS})
MOST_DIMENSIONS = 32
LARGEST_DIMENSION = 2**40
MOST_EMPTY = 100_000
"""Lists that a shape with a 0 in it may ask for: there is no data that would bound them."""


def read_inputs(request):
    """{name: values nested by shape} of an inference request. @raises BadRequest naming the tensor"""
    inputs = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(inputs, list) or not inputs:
        raise BadRequest('expected {"inputs": [{"name", "shape", "datatype", "data"}]}')
    tensors = {}
    for tensor in inputs:
        name, values = _read(tensor)
        if name in tensors:
            raise BadRequest(f'there are two inputs "{name}"')
        tensors[name] = values
    return tensors


def _read(tensor):
    if not isinstance(tensor, dict):
        raise BadRequest('each of "inputs" is an object with name, shape, datatype and data')
    name = tensor.get("name")
    if not isinstance(name, str):
        raise BadRequest("an input has no name")
    missing = [field for field in ("shape", "datatype", "data") if field not in tensor]
    if missing:
        raise BadRequest(f'input "{name}": {" and ".join(missing)} missing (binary tensor data is not supported)')
    shape, datatype = tensor["shape"], tensor["datatype"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise BadRequest(f'input "{name}": expected a shape of whole numbers, found {json.dumps(shape)[:100]}')
    if len(shape) > MOST_DIMENSIONS or any(size > LARGEST_DIMENSION for size in shape):
        raise BadRequest(f'input "{name}": expected at most {MOST_DIMENSIONS} dimensions, none above {LARGEST_DIMENSION}')
    flat = list(_flatten(tensor["data"]))
    if len(flat) != math.prod(shape):
        raise BadRequest(f'input "{name}": shape {shape} needs {math.prod(shape)} values, found {len(flat)}')
    _check(name, datatype, flat)
    if 0 in shape and math.prod(shape[: shape.index(0)]) > MOST_EMPTY:
        raise BadRequest(f'input "{name}": expected data, found a shape of none: {shape}')
    return name, _empty(shape) if 0 in shape else _nest(flat, shape)


def _check(name, datatype, flat):
    if datatype not in DATATYPES:
        raise BadRequest(f'input "{name}": unknown datatype {json.dumps(datatype)[:40]}; known: {" ".join(DATATYPES)}')
    kinds = set(map(type, flat))
    if datatype == "BOOL":
        good = kinds <= {bool}
    elif datatype == "BYTES":
        good = kinds <= {str}
    elif datatype in FLOATS:
        good = kinds <= {int, float}
    else:
        low, high = INTEGERS[datatype]
        good = kinds <= {int} and (not flat or (min(flat) >= low and max(flat) <= high))
    if not good:
        raise BadRequest(f'input "{name}": not all its data is {datatype}')


def _flatten(data):
    # A stack of its own: the nesting comes from outside and may be deeper than Python can recurse.
    stack = [iter(data if isinstance(data, list) else [data])]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            yield item
        else:
            stack.pop()


def _nest(flat, shape):
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)]
    return flat


def _empty(shape):
    return [_empty(shape[1:]) for _ in range(shape[0])]


def from_texts(values):
    """BYTES may hold JSON objects and arrays: one text is one value, several are a list. Other text stays text."""
    if not isinstance(values, list) or not values or not all(isinstance(v, str) and v[:1] in "{[" for v in values):
        return values
    try:
        parsed = [json.loads(item) for item in values]
    except (ValueError, RecursionError):
        return values
    return parsed[0] if len(parsed) == 1 else parsed


def tensor_of(name, value):
    """An output tensor. A numpy array keeps its datatype; what is no array of numbers becomes BYTES, JSON where needed."""
    known = datatype_of(value)
    given = getattr(value, "shape", None) if known else None
    value = plain(value)
    items = value if isinstance(value, list) else [value]
    shape = list(given) if given else _shape(items)
    flat = list(_flatten(items))
    datatype = known or (_datatype(flat) if shape else None)
    if shape and datatype:
        return {"name": name, "shape": shape, "datatype": datatype, "data": flat}
    if shape and flat and all(isinstance(item, str) for item in flat):
        return {"name": name, "shape": shape, "datatype": "BYTES", "data": flat}
    texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
    return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": texts}


def datatype_of(array):
    """The datatype of a numpy array, or None."""
    return NUMPY.get(getattr(getattr(array, "dtype", None), "name", ""))


def _datatype(flat):
    kinds = {type(item) for item in flat}
    if kinds == {bool}:
        return "BOOL"
    if kinds == {int}:
        low, high = min(flat), max(flat)
        fits = [name for name in ("INT64", "UINT64") if INTEGERS[name][0] <= low and high <= INTEGERS[name][1]]
        return fits[0] if fits else None
    # A null among numbers is a NaN that JSON cannot hold.
    return "FP64" if kinds <= {int, float, type(None)} and kinds & {int, float} else None


def _shape(items):
    shape = [len(items)]
    while items and all(isinstance(item, list) for item in items):
        lengths = {len(item) for item in items}
        if len(lengths) != 1:
            return None
        shape.append(lengths.pop())
        items = [inner for item in items for inner in item]
    return None if any(isinstance(item, (list, dict)) for item in items) else shape
