"""What a JSON schema says about the input: an example of it, and the tensors that carry it."""

DEPTH = 12
TENSORS = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}


def example_of(schema, root=None, depth=0):
    """A value that fits the schema: its own example where it has one, else the smallest that can be made."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > DEPTH:
        return None
    schema = resolve(schema, root)
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return example_of(schema[key][0], root, depth + 1)
    kind = type_of(schema)
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example_of(field, root, depth + 1) for name, field in fields.items()}
    if kind == "array":
        count = min(max(1, schema.get("minItems", 1)), 100)
        return [example_of(schema.get("items"), root, depth + 1)] * count
    low = schema.get("minimum", 0)
    return {"string": "text", "boolean": True, "integer": int(low), "number": float(low)}.get(kind)


def type_of(schema):
    if not isinstance(schema, dict):
        return None
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), None)
    return kind or ("object" if "properties" in schema else None)


def resolve(schema, root):
    """Follows a `$ref` within the document (`#/$defs/x`)."""
    for _ in range(DEPTH):
        target = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(target, str) or not target.startswith("#/"):
            return schema
        found = root
        for part in target[2:].split("/"):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        schema = found
    return schema


def inputs_of(schema):
    """Metadata of the input tensors: one per property of an object of numbers and texts, else one tensor."""
    whole = resolve(schema, schema) if isinstance(schema, dict) else {}
    if type_of(whole) == "object":
        named = [_tensor(name, field, schema) for name, field in whole.get("properties", {}).items()]
        if named and all(named):
            return named
    tensor = _tensor("input", whole, schema) if type_of(whole) == "array" else None
    return [tensor or {"name": "input", "datatype": "BYTES", "shape": [-1]}]


def _tensor(name, schema, root):
    """None where the schema is no array of numbers, texts or truth values."""
    shape = []
    schema = resolve(schema, root)
    while type_of(schema) == "array" and len(shape) < DEPTH:
        least, most = schema.get("minItems"), schema.get("maxItems")
        shape.append(least if least is not None and least == most else -1)
        schema = resolve(schema.get("items") or {}, root)
    datatype = TENSORS.get(type_of(schema)) if isinstance(schema, dict) else None
    return {"name": name, "datatype": datatype, "shape": shape or [1]} if datatype else None
