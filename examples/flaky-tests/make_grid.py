"""Makes a small grid that looks like a release's CI results: `python make_grid.py data/raw/testgrid.json.gz`.

The shares below imitate what TestGrid showed of OpenShift 4.6 to 4.8: four tests in five never failed, some fail now
and then, a few fail in streaks; near two results in five are missing, since many tests are younger than their job's
history or run now and then, and sometimes a run of a whole job is lost.
"""

import argparse
import gzip
import json
import random
from pathlib import Path

PASS, FAIL, FLAKY, NO_RESULT = 1, 12, 13, 0
DAY = 24 * 60 * 60 * 1000
NEWEST = 1_612_137_600_000  # 2021-02-01
JOBS = ("e2e-aws", "e2e-aws-serial", "e2e-gcp", "e2e-azure", "e2e-vsphere", "e2e-metal", "e2e-upgrade", "e2e-ovn")
AREAS = ("sig-network", "sig-storage", "sig-apps", "sig-auth", "sig-cli", "sig-node", "operator", "install")
SUBJECTS = ("pods", "services", "routes", "volumes", "images", "builds", "tokens", "quotas", "nodes", "webhooks")
DEEDS = ("start in time", "survive a restart", "are cleaned up", "can be listed", "obey limits", "reach each other")

# How tests behave, with the share of tests that do.
BEHAVIOURS = (
    ("steady", 0.80),
    ("flaky", 0.11),
    ("very flaky", 0.03),
    ("broken for a while", 0.04),
    ("broken now", 0.02),
)

# In which runs of its job a test has a result, with the share of tests that do so.
PRESENCE = (
    ("always", 0.4),
    ("since lately", 0.35),
    ("now and then", 0.25),
)


def present(presence, runs, chance):
    """For each run, newest first, whether the test has a result in it; in the newest it has."""
    if presence == "always":
        return [True] * runs
    if presence == "since lately":
        since = chance.randrange(5, runs)
        return [place < since for place in range(runs)]
    rate = chance.uniform(0.05, 0.3)
    return [place == 0 or chance.random() < rate for place in range(runs)]


def history(behaviour, runs, chance):
    """One test's results, newest first."""
    if behaviour == "steady":
        return [PASS] * runs
    if behaviour in ("flaky", "very flaky"):
        failing = chance.uniform(0.02, 0.12) if behaviour == "flaky" else chance.uniform(0.25, 0.5)
        results = [FAIL if chance.random() < failing else PASS for _ in range(runs)]
        return [FLAKY if result == FAIL and chance.random() < 0.15 else result for result in results]
    length = max(4, int(runs * chance.uniform(0.15, 0.5)))
    start = 0 if behaviour == "broken now" else chance.randrange(1, runs - length)
    return [FAIL if start <= place < start + length else PASS for place in range(runs)]


def encode(results):
    """Run-length encoding, as TestGrid has it."""
    runs = []
    for result in results:
        if runs and runs[-1]["value"] == result:
            runs[-1]["count"] += 1
        else:
            runs.append({"count": 1, "value": result})
    return runs


def make(tests=160, jobs=len(JOBS), seed=46):
    """A saved grid: {dashboard: {job: {grid, timestamps}}}."""
    chance = random.Random(seed)
    names = [f"{area}.{subject} {deed}" for area in AREAS for subject in SUBJECTS for deed in DEEDS]
    chance.shuffle(names)
    kinds, weights = zip(*BEHAVIOURS)
    presences, shares = zip(*PRESENCE)
    dashboard = {}
    for job in JOBS[:jobs]:
        runs = chance.randrange(60, 110)
        lost = [place for place in range(runs) if chance.random() < 0.02]
        rows = []
        for name in names[:tests]:
            results = history(chance.choices(kinds, weights)[0], runs, chance)
            there = present(chance.choices(presences, shares)[0], runs, chance)
            for place in range(runs):
                if not there[place] or place in lost:
                    results[place] = NO_RESULT
            rows.append({"name": name, "statuses": encode(results)})
        timestamps = [NEWEST - int(place * DAY / 4) for place in range(runs)]
        dashboard[f"release-4.6-{job}"] = {"grid": rows, "timestamps": timestamps}
    return {"release-4.6-informing": dashboard}


def write(grid, path):
    """Writes the grid gzipped; equal grids give equal files."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(grid, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(gzip.compress(text, mtime=0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default="data/raw/testgrid.json.gz")
    parser.add_argument("--tests", type=int, default=160)
    parser.add_argument("--jobs", type=int, default=len(JOBS))
    parser.add_argument("--seed", type=int, default=46)
    options = parser.parse_args()
    write(make(options.tests, options.jobs, options.seed), options.path)
    print(f"wrote {options.path}")


if __name__ == "__main__":
    main()
