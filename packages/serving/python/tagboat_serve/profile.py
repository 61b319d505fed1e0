"""A reference of a model's inputs: how the values of each feature were distributed when it was trained."""

import math
from bisect import bisect_left
from collections import Counter

from .features import flatten

VERSION = 1
MOST_FEATURES = 200
LONGEST_NAME = 200
BINS = 10
ROWS_PER_BIN = 20
MOST_CATEGORIES = 20
LEAST_SHARE = 0.01
LEAST_COUNT = 5
LEAST_ROWS = 20
"""A profile of fewer rows says nothing."""
NUMBERS = frozenset((int, float))


class TooFewRows(ValueError):
    """The reference holds too little to compare anything with it."""


def profile_of(rows, names=None):
    """
    The profile of rows, each an object or a list of values; `names`: of the features, in the order of lists.
    Of a number it keeps quantile bins, of all else the categories that are not rare, each with its count; the last two
    counts are of other values and of missing ones. @raises TooFewRows
    """
    rows = list(rows)
    if len(rows) < LEAST_ROWS:
        raise TooFewRows(f"expected at least {LEAST_ROWS} rows, found {len(rows)}")
    order, columns = _columns(rows, names)
    kept = [(at, name) for at, name in enumerate(order) if len(name) <= LONGEST_NAME][:MOST_FEATURES]
    features = [_feature(name, at, columns.get(name, []), len(rows)) for at, name in kept]
    return {
        "version": VERSION,
        "rows": len(rows),
        "width": len(order),
        "leftOut": len(order) - len(kept),
        "features": features,
    }


def _columns(rows, names):
    """The features' names in their order, and the values of those that are kept."""
    order = {name: None for name in names or ()}
    columns = {}
    for row in rows:
        if isinstance(row, list):
            row = dict(zip(names or [f"x{at}" for at in range(len(row))], row))
        for name, value in flatten(row).items():
            if name not in order:
                if names is not None:
                    continue
                order[name] = None
            if name not in columns and len(columns) < MOST_FEATURES and len(name) <= LONGEST_NAME:
                columns[name] = []
            if name in columns:
                columns[name].append(value)
    return list(order), columns


def _feature(name, index, cells, rows):
    values = [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
    present = [value for value in values if not is_missing(value)]
    missing = len(values) - len(present) + rows - len(cells)
    feature = {"name": name, "index": index}
    distinct = len(set(map(label, present)))
    if present and distinct > BINS and all(type(value) in NUMBERS for value in present):
        feature.update(kind="number", edges=_edges(sorted(present)))
    else:
        feature.update(kind="category", categories=_categories(present))
    bins = Bins(feature)
    counts = bins.empty()
    for value in present:
        counts[bins.place(value)] += 1
    counts[bins.missing] = missing
    return {**feature, "counts": counts}


def _edges(ordered):
    """Of about equally many values; the last of the bins has no upper edge."""
    bins = max(2, min(BINS, len(ordered) // ROWS_PER_BIN))
    at = [ordered[math.ceil(number * len(ordered) / bins) - 1] for number in range(1, bins)]
    edges = sorted({float(value) for value in at if value < ordered[-1] and math.isfinite(value)})
    below = [value for value in ordered if value < ordered[-1] and math.isfinite(value)]
    return edges or [float(value) for value in below[-1:]]


def _categories(values):
    counted = Counter(map(label, values)).most_common(MOST_CATEGORIES)
    return [name for name, count in counted if count >= max(LEAST_COUNT, LEAST_SHARE * len(values))]


def is_missing(value):
    return value is None or value != value


def label(value):
    """The name of a category: 1, 1.0 and "1" are one."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is float and math.isfinite(value) and value == int(value):
        value = int(value)
    try:
        return str(value)[:LONGEST_NAME]
    except ValueError:  # an integer of thousands of digits
        return "a large number"


class Bins:
    """Where a value of one feature counts."""

    __slots__ = ("name", "index", "place", "other", "missing")

    def __init__(self, feature):
        self.name = feature["name"]
        self.index = feature["index"]
        if feature["kind"] == "number":
            self.other = len(feature["edges"]) + 1
            self.place = self._number(feature["edges"])
        else:
            self.other = len(feature["categories"])
            self.place = self._category(feature["categories"])
        self.missing = self.other + 1

    def empty(self):
        return [0] * (self.missing + 1)

    def _number(self, edges):
        other, missing = self.other, self.other + 1

        def place(value):
            if type(value) in NUMBERS:
                return bisect_left(edges, value) if value == value else missing
            return missing if value is None else other

        return place

    def _category(self, categories):
        places = {name: at for at, name in enumerate(categories)}
        other, missing = self.other, self.other + 1

        def place(value):
            if is_missing(value):
                return missing
            return places.get(value if type(value) is str else label(value), other)

        return place
