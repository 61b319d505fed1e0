"""Answers requests: each handler gives (status, content type, body)."""

import html
import json
import traceback
import sys

from .values import BadRequest, encode, plain, tensor_of, tensor_rows

JSON = "application/json"
HTML = "text/html; charset=utf-8"


class Service:
    """One model and its routes. `model` is None until it is loaded, and `draining` once the server is to end."""

    def __init__(self, settings, metrics):
        self.settings = settings
        self.metrics = metrics
        self.model = None
        self.draining = False

    @property
    def ready(self):
        return self.model is not None and not self.draining

    def route_of(self, path):
        """A name with few values, for metrics."""
        if path in ("/", "/predict", "/invocations", "/metrics", "/v2"):
            return path
        return "/v2" if path.startswith("/v2/") else "other"

    def needs_model(self, method, path):
        return method == "POST" or path == "/"

    def answer(self, method, path, body):
        try:
            return self._answer(method, path, body)
        except BadRequest as error:
            return 400, JSON, encode({"error": str(error)})
        except (ValueError, TypeError, KeyError) as error:
            traceback.print_exc(file=sys.stderr)
            text = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return 400, JSON, encode({"error": text or type(error).__name__})
        except Exception as error:  # the user's code may raise anything; the server must answer
            traceback.print_exc(file=sys.stderr)
            return 500, JSON, encode({"error": f"the model failed: {type(error).__name__}: {error}"})

    def _answer(self, method, path, body):
        parts = [part for part in path.split("/") if part]
        if method == "GET" and path == "/metrics":
            return 200, "text/plain; version=0.0.4", self.metrics.text().encode()
        if parts[:1] == ["v2"]:
            return self._v2(method, parts[1:], body)
        if path in ("/health", "/healthz", "/readyz"):
            return self._health(self.ready)
        if method == "GET" and path == "/":
            return self._page()
        if path in ("/predict", "/invocations"):
            if method == "GET":
                return 200, JSON, encode(self._explain())
            if method != "POST":
                return 405, JSON, encode({"error": "use POST"})
            return self._predict(body) if path == "/predict" else self._invocations(body)
        return 404, JSON, encode({"error": f"there is nothing at {path}; try POST /predict or GET /v2"})

    def _health(self, good):
        return (200 if good else 503), JSON, encode({"ready": good})

    def _v2(self, method, parts, body):
        settings = self.settings
        if not parts:
            return 200, JSON, encode({"name": "tagboat", "version": "0.1.0", "extensions": []})
        if parts[0] == "health":
            return self._health(True if parts[1:] == ["live"] else self.ready)
        if parts[0] != "models" or len(parts) < 2:
            return 404, JSON, encode({"error": "unknown path"})
        rest = parts[2:]
        if parts[1] != settings.name:
            return 404, JSON, encode({"error": f'there is no model "{parts[1]}" here; this is "{settings.name}"'})
        if rest[:1] == ["versions"]:
            if len(rest) < 2 or rest[1] != settings.version:
                return 404, JSON, encode({"error": f'only version "{settings.version}" is served'})
            rest = rest[2:]
        if not rest and method == "GET":
            return 200, JSON, encode(self._metadata())
        if rest == ["ready"]:
            good = self.ready
            return (200 if good else 503), JSON, encode({"name": settings.name, "ready": good})
        if rest == ["infer"] and method == "POST":
            return self._infer(body)
        return 404, JSON, encode({"error": "unknown path"})

    def _metadata(self):
        settings = self.settings
        tensors = {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [-1]}], "outputs": [{"name": "output", "datatype": "BYTES", "shape": [-1]}]}
        if self.model is not None and self.model.kind == "sklearn":
            tensors["inputs"] = [{"name": "input", "datatype": "FP64", "shape": [-1, -1]}]
        platform = f"tagboat_{self.model.kind}" if self.model else "tagboat"
        return {"name": settings.name, "versions": [settings.version], "platform": platform, **tensors}

    def _infer(self, body):
        request = _json(body)
        inputs = request.get("inputs") if isinstance(request, dict) else None
        if not isinstance(inputs, list) or not inputs:
            raise BadRequest('expected {"inputs": [{"name", "shape", "datatype", "data"}]}')
        rows = {tensor.get("name", "input") if isinstance(tensor, dict) else "input": tensor_rows(tensor) for tensor in inputs}
        values = next(iter(rows.values())) if len(rows) == 1 else rows
        if self.model.kind == "sklearn":
            result = self.model.predict(values)["predictions"]
        else:
            if all(tensor["datatype"] == "BYTES" for tensor in inputs) and len(rows) == 1:
                values = _from_texts(values)
            result = self.model.predict(values)
        self.metrics.predictions += 1
        response = {"model_name": self.settings.name, "model_version": self.settings.version, "outputs": [tensor_of("output", result)]}
        if request.get("id") is not None:
            response["id"] = request["id"]
        return 200, JSON, encode(response)

    def _predict(self, body):
        result = plain(self.model.predict(_json(body)))
        self.metrics.predictions += 1
        return 200, JSON, encode(result)

    def _invocations(self, body):
        request = _json(body)
        if isinstance(request, dict) and "dataframe_split" in request:
            split = request["dataframe_split"]
            values = split["data"] if self.model.kind == "sklearn" else [dict(zip(split["columns"], row)) for row in split["data"]]
        elif isinstance(request, dict) and "dataframe_records" in request:
            records = request["dataframe_records"]
            values = [list(record.values()) for record in records] if self.model.kind == "sklearn" else records
        elif isinstance(request, dict) and ("instances" in request or "inputs" in request):
            values = request.get("instances", request.get("inputs"))
        else:
            raise BadRequest('expected one of "dataframe_split", "dataframe_records", "instances" and "inputs"')
        result = plain(self.model.predict(values))
        self.metrics.predictions += 1
        if isinstance(result, dict) and set(result) == {"predictions"}:
            result = result["predictions"]
        return 200, JSON, encode({"predictions": result})

    def _explain(self):
        schema = self.model.schema if self.model else None
        return {"model": self.settings.name, "usage": "POST JSON to this path", "schema": plain(schema)}

    def _page(self):
        if self.model and self.model.page:
            return 200, HTML, str(self.model.page()).encode()
        schema = json.dumps(plain(self.model.schema), indent=2) if self.model else ""
        name = html.escape(self.settings.name)
        text = f"<!doctype html><title>{name}</title><h1>{name}</h1><p>POST JSON to <code>predict</code>.</p><pre>{html.escape(schema)}</pre>"
        return 200, HTML, text.encode()


def _json(body):
    try:
        return json.loads(body or b"null")
    except (ValueError, UnicodeDecodeError) as error:
        raise BadRequest(f"expected JSON: {error}") from None


def _from_texts(values):
    """BYTES tensors may hold JSON texts: one text is one value, several are a list of values."""
    try:
        parsed = [json.loads(item) if isinstance(item, str) else item for item in values]
    except ValueError:
        return values
    return parsed[0] if len(parsed) == 1 else parsed
