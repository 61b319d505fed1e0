"""The rows of features that inputs hold, whatever their shape; what cannot be a feature is passed over."""

from .values import plain

WRAPPERS = ("instances", "inputs", "dataframe_records")
DEPTH = 4
MOST_ROWS = 100
MOST_VALUES = 10_000
"""Of one row, however deep or wide it is."""
LONGEST_LIST = 100


def rows_of(inputs):
    """The rows in what a predictor was asked: an object is one row, as is a list of values; a list of either is many."""
    inputs = plain(inputs)
    if isinstance(inputs, dict):
        wrapped = next((inputs[name] for name in WRAPPERS if isinstance(inputs.get(name), list)), None)
        return rows_of(wrapped) if wrapped is not None and len(inputs) == 1 else [inputs]
    if not isinstance(inputs, list):
        return [[inputs]]
    if inputs and all(isinstance(item, (dict, list)) for item in inputs):
        return inputs
    return [inputs] if inputs else []


def sample(rows, most=MOST_ROWS):
    """At most so many rows, from all over."""
    return rows if len(rows) <= most else [rows[at * len(rows) // most] for at in range(most)]


def flatten(row):
    """{name: value or list of values} of an object: what stands deeper is named by its path, a list has many values."""
    if not any(type(value) in (dict, list) for value in row.values()):
        return row
    flat = {}
    left = MOST_VALUES
    stack = [("", row, 0)]
    while stack and left > 0:
        name, value, depth = stack.pop()
        left -= 1
        if isinstance(value, dict) and depth < DEPTH:
            prefix = f"{name}." if name else ""
            items = list(value.items())[:left]
            stack.extend((f"{prefix}{key}", item, depth + 1) for key, item in reversed(items))
        elif isinstance(value, list) and depth < DEPTH:
            flat.setdefault(name, [])
            stack.extend((name, item, depth + 1) for item in value[:LONGEST_LIST])
        elif isinstance(flat.get(name), list):
            flat[name].append(value)
        else:
            flat[name] = value
    return flat
