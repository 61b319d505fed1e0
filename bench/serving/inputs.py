"""
What counting inputs costs: two model servers, one with a reference and one without, asked in turn.

    python3 bench/serving/inputs.py [features] [requests per turn]
"""

import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SERVER = os.path.join(os.path.dirname(__file__), "..", "..", "packages", "serving", "python")
sys.path.insert(0, SERVER)

from tagboat_serve.profile import profile_of  # noqa: E402

TURNS = 10
PREDICTOR = "class Sum:\n    def predict(self, inputs):\n        return sum(inputs.values())\n"


def start(directory, reference):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": SERVER, "HOST": "127.0.0.1", "PORT": str(port)}
    environment.update(TAGBOAT_APP_DIR=directory, TAGBOAT_PREDICTOR="p.py:Sum", TAGBOAT_REFERENCE_PROFILE=reference)
    process = subprocess.Popen([sys.executable, "-m", "tagboat_serve"], env=environment, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process, http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def turn(connection, body, requests):
    """Milliseconds of each request."""
    times = []
    for _ in range(requests):
        began = time.perf_counter()
        connection.request("POST", "/predict", body)
        connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1000)
    return times


def main():
    features, requests = (int(word) for word in (sys.argv[1:] + ["10", "500"][len(sys.argv) - 1 :])[:2])
    rows = [{f"x{at}": random.random() for at in range(features)} for _ in range(200)]
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "p.py"), "w") as file:
            file.write(PREDICTOR)
        reference = os.path.join(directory, "reference.json")
        with open(reference, "w") as file:
            json.dump(profile_of(rows), file)
        servers = {"without": start(directory, ""), "counting": start(directory, reference)}
        times = {name: [] for name in servers}
        body = json.dumps(rows[0])
        try:
            for _ in range(TURNS):
                for name, (_, connection) in servers.items():
                    times[name] += turn(connection, body, requests)
            connection = servers["counting"][1]
            connection.request("GET", "/inputs")
            facts = json.loads(connection.getresponse().read())
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()
    for name, all_times in times.items():
        ordered = sorted(all_times)
        print(f"{name:9} p50 {statistics.median(ordered):.3f} ms  p99 {ordered[len(ordered) * 99 // 100]:.3f} ms")
    ratio = statistics.median(times["counting"]) / statistics.median(times["without"])
    print(f"{features} features: {ratio:.2f} of the time without; counted {facts['observed']}, left out {facts['dropped']}")


if __name__ == "__main__":
    main()
