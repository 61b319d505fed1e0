"""The six features of a test's history, newest result first.

| feature         | meaning                                                         |
|-----------------|-----------------------------------------------------------------|
| pass_rate       | share of results that are exactly PASS                          |
| slope           | ridge regression (alpha 1) of the status codes over their index |
| intercept       | the regression's value at the newest result                     |
| failures_streak | longest run of FAIL, as a share of the row                      |
| kurtosis        | Fisher's, biased, divided by the row's length                   |
| frequency       | strongest frequency of the row (real part of the FFT)           |
"""

import numpy as np

from testgrid import FAIL, NO_RESULT, PASS

NAMES = ("pass_rate", "slope", "intercept", "failures_streak", "kurtosis", "frequency")
RIDGE_ALPHA = 1.0
KURTOSIS_OF_A_CONSTANT = -3.0

# Decimals kept: equal histories of two machines must give equal model files.
DECIMALS = 9


def expand(sequence):
    """[(3, 1), (1, 12)] -> array [1, 1, 1, 12]"""
    if not sequence:
        return np.zeros(0)
    counts, values = zip(*sequence)
    return np.repeat(np.asarray(values, dtype=float), counts)


def results_in(sequence):
    """How many results a row has, not counting the runs that did not run the test."""
    return sum(count for count, value in sequence if value != NO_RESULT)


def of_codes(codes):
    """The six features of one row of status codes, as an array in the order of NAMES."""
    codes = np.asarray(codes, dtype=float)
    length = len(codes)
    if length == 0:
        raise ValueError("a test without any run has no features")
    slope, intercept = _ridge(codes)
    return np.array(
        [
            np.count_nonzero(codes == PASS) / length,
            slope,
            intercept,
            _longest_run(codes == FAIL) / length,
            _kurtosis(codes) / length,
            _frequency(codes),
        ]
    )


def matrix(sequences):
    """One row of features per run-length encoded history, rounded to DECIMALS."""
    rows = [of_codes(expand(sequence)) for sequence in sequences]
    return np.round(np.array(rows).reshape(len(rows), len(NAMES)), DECIMALS)


def _ridge(codes):
    index = np.arange(len(codes), dtype=float)
    centred = index - index.mean()
    slope = centred @ (codes - codes.mean()) / (centred @ centred + RIDGE_ALPHA)
    return slope, codes.mean() - slope * index.mean()


def _longest_run(flags):
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _kurtosis(codes):
    centred = codes - codes.mean()
    variance = np.mean(centred**2)
    if codes.min() == codes.max():
        return KURTOSIS_OF_A_CONSTANT
    return np.mean(centred**4) / variance**2 - 3


def _frequency(codes):
    half = np.fft.fft(codes).real[1 : len(codes) // 2]
    return half.argmax() / len(codes) if len(half) else 0.0
