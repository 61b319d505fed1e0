"""Rows of a file: CSV, TSV, JSON, JSON lines or Parquet, the texts also compressed by gzip."""

import csv
import gzip
import json
import math
import os
import random

from .features import rows_of
from .values import plain

FORMS = "CSV, TSV, JSON, JSON lines or Parquet"
MOST_ROWS = 20_000


class NotATable(ValueError):
    """The file holds no rows; the message says what was expected."""


def read_table(path):
    """(names of the columns or None, at most MOST_ROWS rows from all over the file). @raises NotATable"""
    name = os.path.basename(path).lower()
    name = name[: -len(".gz")] if name.endswith(".gz") else name
    kind = os.path.splitext(name)[1]
    try:
        if kind == ".parquet":
            return _parquet(path)
        if kind in (".csv", ".tsv"):
            return _delimited(path, "\t" if kind == ".tsv" else ",")
        if kind in (".jsonl", ".ndjson"):
            with _open(path) as file:
                return None, _reservoir(row for line in file if line.strip() for row in rows_of(json.loads(line)))
        if kind == ".json":
            with _open(path) as file:
                return _json(json.load(file))
    except (ValueError, csv.Error, EOFError, gzip.BadGzipFile) as error:
        raise NotATable(f"{os.path.basename(path)}: {error}") from None
    raise NotATable(f"{os.path.basename(path)}: expected {FORMS}, by the end of its name")


def _open(path):
    return (gzip.open if path.lower().endswith(".gz") else open)(path, "rt", encoding="utf-8-sig", newline="")


def _delimited(path, delimiter):
    with _open(path) as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = next(reader, None)
        if header is None:
            raise NotATable("it is empty")
        rows = _reservoir(line for line in reader if line)
    columns = [_column([line[at] if at < len(line) else "" for line in rows]) for at in range(len(header))]
    return header, [list(row) for row in zip(*columns)]


def _column(cells):
    """Numbers where all that is there is one; an empty cell is missing."""
    values = [_number(cell) for cell in cells]
    if any(value is None and cell for value, cell in zip(values, cells)):
        return [cell or None for cell in cells]
    return [None if value is not None and math.isnan(value) else value for value in values]


def _number(cell):
    for convert in (int, float):
        try:
            return convert(cell)
        except ValueError:
            continue
    return None


def _json(value):
    if isinstance(value, dict) and isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        if not all(isinstance(row, list) for row in value["data"]):
            raise NotATable('expected {"columns": [...], "data": [[...]]}')
        return [str(name) for name in value["columns"]], _reservoir(value["data"])
    return None, _reservoir(rows_of(value))


def _parquet(path):
    try:
        import pandas
    except ImportError:
        raise NotATable("Parquet is read by pandas and pyarrow: are they among the requirements?") from None
    try:
        frame = pandas.read_parquet(path)
    except ImportError as error:
        raise NotATable(str(error)) from None
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    return [str(name) for name in frame.columns], plain(frame.astype(object).values)


def _reservoir(rows):
    """A fair choice of rows, the same each time (Vitter's algorithm R)."""
    chance = random.Random(0)
    kept = []
    for at, row in enumerate(rows):
        if at < MOST_ROWS:
            kept.append(row)
        else:
            place = chance.randrange(at + 1)
            if place < MOST_ROWS:
                kept[place] = row
    return kept
