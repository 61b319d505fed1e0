"""Requests of MLflow's scoring protocol (`POST /invocations`)."""

import csv
import io

from .values import BadRequest, decode

EXPECTED = 'expected one of "dataframe_split", "dataframe_records", "instances" and "inputs"'


def score(model, body, content_type):
    """What the model predicts for the request. @raises BadRequest"""
    if content_type.startswith("text/csv"):
        return model.table(*_csv(body))
    request = decode(body)
    if not isinstance(request, dict):
        raise BadRequest(EXPECTED)
    if "dataframe_split" in request:
        return model.table(*_split(request["dataframe_split"]))
    if "dataframe_records" in request:
        return model.table(*_records(request["dataframe_records"]))
    if "instances" in request or "inputs" in request:
        return model.predict(request["instances"] if "instances" in request else request["inputs"])
    raise BadRequest(EXPECTED)


def _split(split):
    columns, rows = (split.get("columns"), split.get("data")) if isinstance(split, dict) else (None, None)
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise BadRequest('expected {"dataframe_split": {"columns": [...], "data": [[...]]}}')
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadRequest(f"dataframe_split: row {number} does not have {len(columns)} values, one per column")
    return columns, rows


def _records(records):
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BadRequest('expected {"dataframe_records": [{"column": value}]}')
    columns = list(dict.fromkeys(name for record in records for name in record))
    return columns, [[record.get(name) for name in columns] for record in records]


def _csv(body):
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"expected CSV in UTF-8: {error}") from None
    lines = [line for line in lines if line]
    if not lines:
        raise BadRequest("expected CSV with a line of column names")
    rows = [[_number(cell) for cell in line] for line in lines[1:]]
    return _split({"columns": lines[0], "data": rows})


def _number(cell):
    for convert in (int, float):
        try:
            return convert(cell)
        except ValueError:
            continue
    return cell or None
