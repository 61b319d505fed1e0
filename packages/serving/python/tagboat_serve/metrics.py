"""Counters and a latency histogram in the Prometheus text format."""

from bisect import bisect_left

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PREDICTIONS = ("/predict", "/invocations", "/v2/models/infer")


class Metrics:
    """Counts on the event loop's thread alone, so nothing is locked."""

    def __init__(self, model):
        self.model = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self.requests = {}
        self.predictions = 0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def observe(self, method, route, code, seconds):
        key = (route, code)
        self.requests[key] = self.requests.get(key, 0) + 1
        if method != "POST" or route not in PREDICTIONS:
            return  # probes and scrapes are quick, and would hide how long a prediction takes
        self.predictions += code == 200
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1

    def text(self, recorder=None):
        label = f'model="{self.model}"'
        name = "tagboat_model_requests_total"
        lines = [f"# HELP {name} Requests by route and status code.", f"# TYPE {name} counter"]
        for (route, code), count in sorted(self.requests.items()):
            lines.append(f'{name}{{{label},route="{route}",code="{code}"}} {count}')
        name = "tagboat_model_predictions_total"
        lines += [f"# HELP {name} Requests for predictions that were answered.", f"# TYPE {name} counter"]
        lines.append(f"{name}{{{label}}} {self.predictions}")
        name = "tagboat_model_request_duration_seconds"
        lines += [f"# HELP {name} Time to answer a request for a prediction.", f"# TYPE {name} histogram"]
        total = 0
        for limit, count in zip((*BUCKETS, "+Inf"), self.buckets):
            total += count
            lines.append(f'{name}_bucket{{{label},le="{limit}"}} {total}')
        lines += [f"{name}_sum{{{label}}} {self.seconds}", f"{name}_count{{{label}}} {total}"]
        if recorder:
            for name, help_text, value in (
                ("observed", "Rows of inputs that were counted, to be compared with the reference.", recorder.observed),
                ("dropped", "Requests whose inputs were not counted, for want of time or memory.", recorder.dropped),
                ("malformed", "Inputs that are no rows like those of the reference.", recorder.malformed),
            ):
                name = f"tagboat_model_inputs_{name}_total"
                lines += [f"# HELP {name} {help_text}", f"# TYPE {name} counter", f"{name}{{{label}}} {value}"]
        return "\n".join(lines) + "\n"
