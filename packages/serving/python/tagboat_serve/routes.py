"""Answers requests: each handler gives (status, content type, body)."""

import copy
import sys
import traceback
from urllib.parse import unquote

from .page import default_page
from .scoring import score
from .tensors import read_inputs, tensor_of
from .values import BadRequest, decode, encode, plain

JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
LONGEST_MESSAGE = 500


class Service:
    """One model and its routes. `model` is None until it is loaded, and `draining` once the server is to end."""

    def __init__(self, settings, metrics, recorder=None):
        self.settings = settings
        self.metrics = metrics
        self.recorder = recorder
        self.model = None
        self.draining = False

    @property
    def ready(self):
        return self.model is not None and not self.draining

    def route_of(self, path):
        """The route's name for metrics: one of a few, whatever a client asks for."""
        if path in ("/", "/predict", "/invocations", "/metrics", "/inputs", "/v2"):
            return path
        parts = parts_of(path)
        if parts and parts[0] == "models":
            return "/v2/models/infer" if parts[-1] == "infer" else "/v2/models"
        return "/v2/health" if parts and parts[0] == "health" else "other"

    def calls_model(self, method, path):
        """True where the user's code runs, which must not block the event loop."""
        if method == "POST":
            return path in ("/predict", "/invocations") or parts_of(path)[-1:] == ["infer"]
        return path == "/"

    def answer(self, method, path, body=b"", content_type=""):
        """Never raises: the user's code may do anything, and the server must answer."""
        try:
            return self._answer(method, path, body, content_type)
        except BadRequest as error:
            return problem(400, str(error))
        except (ValueError, TypeError, KeyError) as error:
            traceback.print_exc(file=sys.stderr)
            text = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return problem(400, text or type(error).__name__)
        except BaseException as error:
            traceback.print_exc(file=sys.stderr)
            return problem(500, f"the model failed: {type(error).__name__}: {error}")

    def rows_asked(self, path, body, content_type):
        """The rows of features that a request brings to the model, by the model's own code, without asking the model."""
        found = []
        asked = copy.copy(self)
        asked.model = self.model.shadow(found.extend)
        try:
            asked._answer("POST", path, body, content_type)
        except BadRequest:
            pass  # about the answer, which there is none of
        return found

    def _answer(self, method, path, body, content_type):
        if path == "/v2" or path.startswith("/v2/"):
            return self._v2(method, parts_of(path), body)
        if path in ("/predict", "/invocations"):
            return self._scoring(method, path, body, content_type)
        if path in ("/health", "/healthz", "/ping", "/readyz", "/livez", "/metrics", "/inputs", "/", "/version") and method != "GET":
            return problem(405, "use GET")
        if path == "/metrics":
            return 200, TEXT, self.metrics.text(self.recorder).encode()
        if path == "/inputs":
            return self._inputs()
        if path in ("/health", "/healthz", "/ping", "/readyz"):
            return self._health(self.ready)
        if path == "/livez":
            return self._health(True)
        if path == "/":
            page = self.model.page() if self.model and self.model.page else default_page(self.settings, self.model)
            return 200, HTML, str(page).encode("utf-8", "replace")
        return problem(404, f"there is nothing at {path[:100]}; try POST /predict or GET /v2")

    def _inputs(self):
        if self.recorder is None:
            return problem(404, "this model has no reference of its inputs, so they are not counted")
        return 200, JSON, encode({"model": self.settings.model_digest, **self.recorder.facts()})

    def _health(self, good):
        return (200 if good else 503), JSON, encode({"ready": good})

    def _v2(self, method, parts, body):
        settings = self.settings
        if method != "GET" and parts[-1:] != ["infer"]:
            return problem(405, "use GET")
        if not parts:
            return 200, JSON, encode({"name": "tagboat", "version": "0.1.0", "extensions": []})
        if parts in (["health", "live"], ["health", "ready"]):
            return self._health(parts[1] == "live" or self.ready)
        if parts[0] != "models" or len(parts) < 2:
            return problem(404, "expected /v2/health/{live,ready} or /v2/models/<name>")
        if parts[1] != settings.name:
            return problem(404, f'there is no model "{parts[1][:100]}" here; this is "{settings.name}"')
        rest = parts[2:]
        if rest[:1] == ["versions"]:
            if len(rest) < 2 or rest[1] != settings.version:
                return problem(404, f'only version "{settings.version}" is served')
            rest = rest[2:]
        if rest == ["infer"]:
            return self._infer(body) if method == "POST" else problem(405, "use POST")
        if rest == ["ready"]:
            return (200 if self.ready else 503), JSON, encode({"name": settings.name, "ready": self.ready})
        return problem(404, "expected /infer or /ready after the model") if rest else self._metadata()

    def _metadata(self):
        if self.model is None:
            return problem(503, "the model is loading")
        model, settings = self.model, self.settings
        tensors = {"inputs": model.inputs, "outputs": model.outputs}
        value = {"name": settings.name, "versions": [settings.version], "platform": model.platform, **tensors}
        return 200, JSON, encode(value)

    def _infer(self, body):
        request = decode(body)
        answers = dict(self.model.infer(read_inputs(request)))
        wanted = request.get("outputs")
        if wanted:
            if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
                raise BadRequest('expected "outputs" to be a list of objects with a name')
            names = [str(output.get("name")) for output in wanted]
            unknown = [name[:100] for name in names if name not in answers]
            if unknown:
                raise BadRequest(f"there is no output {', '.join(unknown)}; there are {', '.join(answers)}")
            answers = {name: answers[name] for name in names}
        outputs = [tensor_of(name, value) for name, value in answers.items()]
        response = {"model_name": self.settings.name, "model_version": self.settings.version, "outputs": outputs}
        if request.get("id") is not None:
            response["id"] = request["id"]
        return 200, JSON, encode(response)

    def _scoring(self, method, path, body, content_type):
        if method == "GET":
            return 200, JSON, encode(self._explain(path))
        if method != "POST":
            return problem(405, "use POST, or GET for an explanation")
        if path == "/predict":
            return 200, JSON, encode(self.model.predict(decode(body)))
        result = score(self.model, body, content_type)
        if isinstance(result, dict) and "predictions" in result:
            result = result["predictions"]
        return 200, JSON, encode({"predictions": result})

    def _explain(self, path):
        settings, model = self.settings, self.model
        about = {"model": settings.name, "version": settings.version, "usage": f"POST JSON to {path[1:]}"}
        if model is None:
            return {**about, "note": "the model is loading"}
        if path == "/invocations":
            forms = {"instances": "a list of inputs", "inputs": "the input", "dataframe_records": [{"column": "value"}]}
            forms["dataframe_split"] = {"columns": ["column"], "data": [["value"]]}
            return {**about, "one of": forms}
        return {**about, "schema": plain(model.schema), "example": plain(model.example)}


def parts_of(path):
    """What follows /v2, decoded; nothing elsewhere."""
    return [unquote(part) for part in path.split("/")[2:] if part] if path.startswith("/v2/") else []


def problem(status, message):
    """An error as the Open Inference Protocol shapes it."""
    text = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."
    return status, JSON, encode({"error": text})
