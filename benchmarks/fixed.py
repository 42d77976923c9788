"""Fixed parameters of the suite ``evidence``, from the fits that ``settings/`` keeps."""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "settings"
NOISES = [1e-1, 1e-2, 1e-3, 1e-4]
# GPyTorch's initial values.
_START = {"mean": 0.0, "variance": 0.6931, "noise": 0.6932}
_SYNTHETIC = {"mean": 0.1, "variance": 1.1, "noise": 0.09, "lengthscale": [2.0, 3.0, 9.0]}


def fitted(problem):
    """The document of a fit, or None where there is none yet."""
    path = FOLDER / f"{problem}.json"
    return json.loads(path.read_text()) if path.exists() else None


def settings_of(problem):
    """Name -> parameters: start, middle, converged, and the noise sweep at the fitted rest.

    *middle* is half way between start and converged (in logarithms but for the mean). A fitted
    noise below the last of the sweep, GPyTorch's bound, is raised to it.
    FileNotFoundError where the problem has no fit yet.
    """
    if problem == "synthetic":
        end = _SYNTHETIC
    else:
        document = fitted(problem)
        if document is None:
            raise FileNotFoundError(f"no fit of {problem}: run python -m benchmarks.references")
        end = document["parameters"]
        end = {**end, "noise": max(end["noise"], NOISES[-1])}
    begin = {**_START, "lengthscale": [0.6931] * len(end["lengthscale"])}
    sweep = {f"noise {noise:g}": {**end, "noise": noise} for noise in NOISES}
    return {"start": begin, "middle": _between(begin, end), "converged": end, **sweep}


def _between(begin, end):
    half = lambda a, b: np.exp(0.5 * (np.log(a) + np.log(b))).tolist()  # noqa: E731
    positive = {k: half(begin[k], end[k]) for k in ("variance", "noise", "lengthscale")}
    return {"mean": 0.5 * (begin["mean"] + end["mean"]), **positive}


class DenseValues:
    """Dense float64 values and gradients by problem, rows and setting, kept in a file.

    They take a minute each, so they are computed once and only once.
    """

    def __init__(self, path=None):
        self._path = path or FOLDER / "dense_evidence.json"
        self._found = json.loads(self._path.read_text()) if self._path.exists() else []

    def get(self, problem, rows, theta):
        """The entry with value and gradient, or None."""
        for entry in self._found:
            if (entry["problem"], entry["rows"], entry["theta"]) == (problem, rows, theta):
                return entry
        return None

    def put(self, problem, rows, setting, theta, reply, facts):
        """Add an entry and write the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: reply[name] for name in ("value", "gradient", "seconds", "peak_bytes")}
        key = {"problem": problem, "rows": rows, "setting": setting, "theta": theta}
        self._found.append({**key, **kept, **facts})
        self._path.write_text(json.dumps(self._found, indent=1) + "\n")
        return self._found[-1]
