"""Flakiness as TestGrid's summaries count it.

Of the results considered, how many were flips: a failure (or two) between passes. A streak of three or
more failures is a broken test rather than a flaky one and is left out; a result FLAKY always counts.
"""

from typing import NamedTuple

from testgrid import FLAKY

PASSES = frozenset({1, 2, 3, 15})
FAILURES = frozenset({9, 10, 11, 12, 14})
STREAK = 3


class Flakiness(NamedTuple):
    flips: int
    considered: int

    @property
    def score(self):
        """0 (never flaky) to 1 (every considered result flips)."""
        return self.flips / self.considered if self.considered else 0.0


def of_runs(sequence, newest=None):
    """Flakiness of a run-length encoded history; `newest` limits it to that many of the newest runs."""
    flips = considered = streak = 0
    for count, value in _newest(sequence, newest):
        if value in FAILURES:
            streak += count
            continue
        if value in PASSES or value == FLAKY:
            flips, considered = _close(streak, flips, considered)
            streak = 0
            considered += count
            flips += count if value == FLAKY else 0
    return Flakiness(*_close(streak, flips, considered))


def of_codes(codes):
    """Flakiness of a list of status codes."""
    return of_runs([(1, int(code)) for code in codes])


def _close(streak, flips, considered):
    """Ends a run of failures: one flip if it was short, nothing at all if it was a streak."""
    if 0 < streak < STREAK:
        return flips + 1, considered + streak
    return flips, considered


def _newest(sequence, newest):
    if newest is None:
        yield from sequence
        return
    left = newest
    for count, value in sequence:
        if left <= 0:
            return
        yield min(count, left), value
        left -= count
