"""Counters and a latency histogram in the Prometheus text format."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    def __init__(self, model):
        self.model = model
        self.requests = {}
        self.predictions = 0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def observe(self, route, code, seconds):
        key = (route, code)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.seconds += seconds
        for index, limit in enumerate(BUCKETS):
            if seconds <= limit:
                self.buckets[index] += 1
                return
        self.buckets[-1] += 1

    def text(self):
        model = self.model
        lines = ["# HELP tagboat_model_requests_total Requests by route and status code.", "# TYPE tagboat_model_requests_total counter"]
        for (route, code), count in sorted(self.requests.items()):
            lines.append(f'tagboat_model_requests_total{{model="{model}",route="{route}",code="{code}"}} {count}')
        lines += ["# HELP tagboat_model_predictions_total Predictions that were answered.", "# TYPE tagboat_model_predictions_total counter"]
        lines.append(f'tagboat_model_predictions_total{{model="{model}"}} {self.predictions}')
        name = "tagboat_model_request_duration_seconds"
        lines += [f"# HELP {name} Time to answer a request.", f"# TYPE {name} histogram"]
        total = 0
        for limit, count in zip((*BUCKETS, "+Inf"), self.buckets):
            total += count
            lines.append(f'{name}_bucket{{model="{model}",le="{limit}"}} {total}')
        lines += [f'{name}_sum{{model="{model}"}} {self.seconds}', f'{name}_count{{model="{model}"}} {total}']
        return "\n".join(lines) + "\n"
