r"""Scores of Gaussian predictions N(mean, std^2) on test rows, in original units.

Lower is better for all but the coverage, which should be 0.9. Written apart from
`gpkit.metrics`, because rivals run where gpkit is not installed.
"""

import math

import numpy as np
from scipy.special import ndtr

_Z90 = 1.6448536269514722


def score(y, mean, std):
    """A dict of plain floats: nlpd (nats per row), rmse, crps, coverage90."""
    y, mean, std = (np.asarray(v, np.float64).reshape(-1) for v in (y, mean, std))
    z = (y - mean) / std
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    crps = std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return {
        "nlpd": float(np.mean(0.5 * z**2 + np.log(std) + 0.5 * math.log(2 * math.pi))),
        "rmse": float(np.sqrt(np.mean((y - mean) ** 2))),
        "crps": float(np.mean(crps)),
        "coverage90": float(np.mean(np.abs(z) <= _Z90)),
    }
