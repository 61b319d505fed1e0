"""Counts the inputs that the model really gets, in the bins of the reference; what was asked is not kept."""

import json
import os
import sys
import threading
import time

from .features import flatten, rows_of, sample
from .profile import VERSION, Bins

MOST_PENDING = 64
MOST_PENDING_BYTES = 32 * 2**20
LARGEST_BODY = 4 * 2**20
SHARE = 0.1
"""Of the server's time, at most, over a while; requests beyond are answered and not counted."""
BURST_SECONDS = 1.0


class Recorder:
    """
    Of every answered request the inputs are read once more, after the answer, and counted per feature. Its memory is
    that of the counts, and nothing it does can make a request fail.
    """

    def __init__(self, profile, clock=time.perf_counter):
        self.bins = [Bins(feature) for feature in profile["features"]]
        self.width = profile["width"]
        self.counts = [bins.empty() for bins in self.bins]
        self.observed = self.dropped = self.malformed = 0
        self.started = time.time()
        self._clock = clock
        self._budget, self._refilled = BURST_SECONDS, clock()
        self._pending = self._pending_bytes = 0
        self._lock = threading.Lock()

    def admit(self, size):
        """Whether a request of so many bytes is to be counted; then `observe` must follow."""
        with self._lock:
            now = self._clock()
            self._budget = min(BURST_SECONDS, self._budget + SHARE * (now - self._refilled))
            self._refilled = now
            full = self._pending >= MOST_PENDING or self._pending_bytes + size > MOST_PENDING_BYTES
            if full or size > LARGEST_BODY or self._budget <= 0:
                self.dropped += 1
                return False
            self._pending += 1
            self._pending_bytes += size
            return True

    def observe(self, size, read):
        """Counts the rows that `read` gives. Never raises."""
        started = self._clock()
        try:
            for row in sample(read()):
                self._count(row)
        except BaseException as error:  # the user's code may do anything
            self.malformed += 1
            if self.malformed == 1:
                print(f"inputs are not counted: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            with self._lock:
                self._budget -= self._clock() - started
                self._pending -= 1
                self._pending_bytes -= size

    def _count(self, row):
        if isinstance(row, list):
            if len(row) != self.width:
                self.malformed += 1
                return
            cells = [row[bins.index] for bins in self.bins]
        elif isinstance(row, dict):
            values = flatten(row)
            cells = [values.get(bins.name) for bins in self.bins]
        else:
            self.malformed += 1
            return
        # Placed first: a row counts wholly or not at all.
        places = [
            [bins.place(item) for item in cell if not isinstance(item, (dict, list))]
            if type(cell) is list
            else (bins.other if type(cell) is dict else bins.place(cell),)
            for bins, cell in zip(self.bins, cells)
        ]
        with self._lock:
            self.observed += 1
            for counts, found in zip(self.counts, places):
                for place in found:
                    counts[place] += 1

    def facts(self):
        with self._lock:
            return {
                "started": self.started,
                "observed": self.observed,
                "dropped": self.dropped,
                "malformed": self.malformed,
                "counts": [list(counts) for counts in self.counts],
            }


def load_recorder(path):
    """The recorder of a reference, or None where there is none or it cannot be read, which is said."""
    if not path or not os.path.isfile(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            profile = json.load(file)
        if not isinstance(profile, dict) or profile.get("version") != VERSION:
            raise ValueError(f"expected a reference of inputs of version {VERSION}")
        return Recorder(profile)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"inputs are not counted: {path}: {error}", file=sys.stderr, flush=True)
        return None
