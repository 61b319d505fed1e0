"""Loads TestGrid grids: a saved file (.json or .json.gz) or the live endpoint.

Three layouts are understood:

* a saved grid: ``{dashboard: {job: {grid: [{name, statuses}], timestamps}}}``
* one table as TestGrid answers it: ``{tests: [{name, statuses}], timestamps}``
* a URL: ``https://testgrid.k8s.io/<dashboard>`` (all its tabs), or
  ``https://testgrid.k8s.io/<dashboard>/table?tab=<job>`` (one tab)

Results are run-length encoded, newest first: ``[{count: 3, value: 1}, ...]``.
"""

import gzip
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

NO_RESULT = 0
PASS = 1
FAIL = 12
FLAKY = 13

STATUS_NAMES = (
    "NO_RESULT",
    "PASS",
    "PASS_WITH_ERRORS",
    "PASS_WITH_SKIPS",
    "RUNNING",
    "CATEGORIZED_ABORT",
    "UNKNOWN",
    "CANCEL",
    "BLOCKED",
    "TIMED_OUT",
    "CATEGORIZED_FAIL",
    "BUILD_FAIL",
    "FAIL",
    "FLAKY",
    "TOOL_FAIL",
    "BUILD_PASSED",
)

MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000
LONGEST_ROW = 1_000_000

Sequence = tuple  # of (count, value) pairs


class Job(NamedTuple):
    dashboard: str
    name: str
    timestamps: list  # milliseconds, newest first

    def runs_within(self, days):
        """How many of the job's newest runs are at most `days` older than the newest one."""
        if not self.timestamps:
            return None
        oldest = max(self.timestamps) - days * MILLISECONDS_PER_DAY
        return sum(1 for timestamp in self.timestamps if timestamp >= oldest)


class Row(NamedTuple):
    job: int  # index in Grid.jobs
    name: str
    sequence: int  # index in Grid.sequences


@dataclass
class Grid:
    """All rows. Rows with the same history share one sequence: most tests always pass."""

    jobs: list = field(default_factory=list)
    rows: list = field(default_factory=list)
    sequences: list = field(default_factory=list)


class _Test(NamedTuple):
    name: str
    sequence: int


def load(source, timeout=60):
    """Loads a grid from a path or an http(s) URL. Raises ValueError when it is not a grid."""
    source = str(source)
    reader = _Reader()
    if source.startswith(("http://", "https://")):
        return _load_url(source, reader, timeout)
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"{path}: expected a TestGrid file (.json or .json.gz), found no such file")
    return _to_grid(reader.parse(path.read_bytes(), source), reader, source, path.name)


class _Reader:
    """Parses JSON while packing histories, so that a big grid never exists as millions of dicts."""

    def __init__(self):
        self.sequences = {}

    def parse(self, data, source):
        try:
            if data[:2] == b"\x1f\x8b":
                data = gzip.decompress(data)
            return json.loads(data, object_hook=self._pack)
        except (OSError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{source}: expected JSON, possibly gzipped: {error}") from error

    def _pack(self, value):
        if "count" in value and "value" in value:
            return (value["count"], value["value"])
        if "statuses" in value and "name" in value:
            return _Test(value["name"], self._index(value["name"], value["statuses"]))
        return value

    def _index(self, name, statuses):
        try:
            sequence = tuple(statuses or ())
            found = self.sequences.get(sequence)
        except TypeError:
            raise ValueError(f"test {name!r}: statuses must be a list of {{count, value}}") from None
        if found is not None:
            return found
        _check(name, sequence)
        return self.sequences.setdefault(sequence, len(self.sequences))


def _check(name, sequence):
    if not isinstance(name, str):
        raise ValueError(f"test name must be text, found {name!r}")
    for pair in sequence:
        if not isinstance(pair, tuple) or not all(type(number) is int for number in pair):
            raise ValueError(f"test {name!r}: statuses must be whole numbers {{count, value}}, found {pair!r}")
        count, value = pair
        if count < 1 or not 0 <= value < len(STATUS_NAMES):
            raise ValueError(f"test {name!r}: count must be at least 1 and value 0..15, found {count} and {value}")
    if sum(count for count, _ in sequence) > LONGEST_ROW:
        raise ValueError(f"test {name!r}: more than {LONGEST_ROW} results")


def _to_grid(document, reader, source, fallback_name):
    grid = Grid()
    if not isinstance(document, dict):
        raise ValueError(f"{source}: expected a grid or a table, found {type(document).__name__}")
    if "tests" in document:
        document = {fallback_name: {fallback_name: document}}
    for dashboard, jobs in document.items():
        if not isinstance(jobs, dict):
            raise ValueError(f"{source}: dashboard {dashboard!r} must hold jobs")
        for job, table in jobs.items():
            _add_job(grid, Job(dashboard, job, []), table, source)
    grid.sequences = list(reader.sequences)
    return grid


def _add_job(grid, job, table, source):
    tests = table.get("grid", table.get("tests")) if isinstance(table, dict) else None
    if not isinstance(tests, list):
        raise ValueError(f"{source}: job {job.name!r} of {job.dashboard!r} has no list `grid` or `tests`")
    timestamps = table.get("timestamps") or []
    if not all(isinstance(timestamp, (int, float)) for timestamp in timestamps):
        raise ValueError(f"{source}: job {job.name!r}: timestamps must be milliseconds")
    grid.jobs.append(job._replace(timestamps=timestamps))
    for test in tests:
        if not isinstance(test, _Test):
            raise ValueError(f"{source}: job {job.name!r}: every test needs `name` and `statuses`")
        if test.name and test.sequence is not None:
            grid.rows.append(Row(len(grid.jobs) - 1, test.name, test.sequence))


def _load_url(url, reader, timeout):
    parts = urllib.parse.urlsplit(url)
    dashboard = urllib.parse.unquote(parts.path.strip("/").split("/")[0])
    if not dashboard:
        raise ValueError(f"{url}: expected https://<host>/<dashboard>, found no dashboard")
    if parts.path.rstrip("/").endswith("/table"):
        tab = urllib.parse.parse_qs(parts.query).get("tab", [dashboard])[0]
        return _to_grid({dashboard: {tab: _get(url, reader, timeout)}}, reader, url, tab)
    base = f"{parts.scheme}://{parts.netloc}/{urllib.parse.quote(dashboard)}"
    summary = _get(f"{base}/summary", reader, timeout)
    if not isinstance(summary, dict) or not summary:
        raise ValueError(f"{base}/summary: expected the dashboard's tabs")
    tables = {}
    for tab in sorted(summary):
        query = urllib.parse.urlencode({"tab": tab, "show-stale-tests": ""})
        tables[tab] = _get(f"{base}/table?{query}", reader, timeout)
    return _to_grid({dashboard: tables}, reader, url, dashboard)


def _get(url, reader, timeout):
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return reader.parse(response.read(), url)
    except urllib.error.URLError as error:
        raise ValueError(f"{url}: could not be read: {error}") from error
