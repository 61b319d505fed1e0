"""
Makes the profile that live inputs are compared with: `python -m tagboat_serve.reference TARGET [--reference FILE]
[--data FILE ...]`. Without a reference it is the first data that has all the model's features as columns.
"""

import argparse
import json
import os
import sys

from .model import LoadError, load_model
from .profile import TooFewRows, profile_of
from .schema import resolve, type_of
from .settings import Settings
from .tables import NotATable, read_table


class NoReference(Exception):
    """There is none; the message says why."""


def names_of(model):
    """The names of a model's features in their order, or None where it does not say."""
    if hasattr(model, "names"):
        return list(model.names) if model.names else None
    root = model.schema if isinstance(model.schema, dict) else {}
    schema = resolve(root, root)
    while type_of(schema) == "array":
        schema = resolve(schema.get("items") or {}, root)
    fields = schema.get("properties") if isinstance(schema, dict) else None
    return list(fields) if isinstance(fields, dict) and fields else None


def from_reference(path, names):
    header, rows = read_table(path)
    chosen = _chosen(names, header, rows)
    return profile_of(chosen, None if chosen is not rows else header)


def _chosen(names, header, rows):
    """The model's features alone, where all of them are columns: a table may hold the answers too."""
    if not names or header is None or not set(names) <= set(header):
        return rows
    places = [header.index(name) for name in names]
    return [{name: row[place] for name, place in zip(names, places)} for row in rows]


def from_data(paths, names):
    """@raises NoReference"""
    if not names:
        raise NoReference("the model does not name its features")
    for path in paths:
        try:
            header, rows = read_table(path)
        except NotATable:
            continue
        if header is None:
            header = list(rows[0]) if rows and isinstance(rows[0], dict) else []
            rows = [[row.get(name) for name in header] for row in rows if isinstance(row, dict)]
        if set(names) <= set(header):
            print(f"the reference of the inputs is {os.path.basename(path)}", flush=True)
            return profile_of(_chosen(names, header, rows))
    raise NoReference("no data has all the model's features as columns")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--reference")
    parser.add_argument("--data", action="append", default=[])
    options = parser.parse_args()
    settings = Settings.from_environment()
    try:
        if not options.reference:
            profile = from_data(options.data, names_of(load_model(settings)))
        elif settings.predictor:
            # Every column is a feature: the predictor need not be loaded, which takes its time.
            profile = from_reference(options.reference, None)
        else:
            profile = from_reference(options.reference, names_of(load_model(settings)))
    except NoReference as error:
        print(f"inputs will not be watched: {error}; name a file of them by monitor.reference", flush=True)
        return
    except (NotATable, TooFewRows) as error:
        sys.exit(f"the reference of the inputs cannot be read: {error}")
    except LoadError as error:
        sys.exit(f"the model cannot be loaded to learn its features: {error}")
    with open(options.target, "w", encoding="utf-8") as file:
        json.dump(profile, file, allow_nan=False, separators=(",", ":"))
    left = f"; {profile['leftOut']} more are not watched" if profile["leftOut"] else ""
    print(f"reference of the inputs: {profile['rows']} rows, {len(profile['features'])} features{left}", flush=True)


if __name__ == "__main__":
    main()
