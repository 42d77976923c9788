"""Tasks of the suites ``evidence``, ``train`` and ``train-large``.

A module of `benchmarks.methods` offers one or both of

- ``evidence_at(X, y, theta, settings)``: a function of a number (the number of the key) that
  returns a dict: value, gradient (logarithms of variance, noise, lengthscales) and what else
  the method knows (stderr, error_bound, interval, status), as plain numbers;
- ``trainer(X, y, settings)``: an object with ``advance()``, which trains on and returns a dict
  (done, and points: a list of dicts with seconds, step, parameters), and ``predict(X_new)``,
  mean and standard deviation of new observations.

All data are standardised by training statistics.
"""

import sys
import time
import warnings

import numpy as np

from benchmarks.problems import load_problem
from benchmarks.scores import score


class LargeTasks:
    """What the worker keeps between the requests of these suites."""

    def __init__(self, method):
        self._method = method
        self._evaluate = self._trainer = self._rows = None

    def known(self):
        """Tasks by name."""
        return {
            "evidence_begin": self.evidence_begin,
            "evidence_again": self.evidence_again,
            "coverage": self.coverage,
            "train_begin": self.train_begin,
            "train_advance": self.train_advance,
            "train_predict": self.train_predict,
            "posterior_score": self.posterior_score,
        }

    def evidence_begin(self, *, problem, data_dir, rows, theta, settings):
        """Read the rows, build the engine, evaluate once: all that a first value needs."""
        began = time.perf_counter()
        data = load_problem(problem, data_dir, rows=rows)
        targets = data.y - theta["mean"]
        self._evaluate = self._method.evidence_at(data.X, targets, theta, settings)
        return self._timed(began, 0)

    def evidence_again(self, *, number):
        """One more evaluation with another key."""
        return self._timed(time.perf_counter(), number)

    def coverage(self, *, problem, data_dir, rows, theta, settings, keys):
        """Values, standard errors and intervals of many keys at one setting."""
        data = load_problem(problem, data_dir, rows=rows)
        values = self._method.many_values(
            data.X, data.y - theta["mean"], theta, settings, range(keys)
        )
        return {"values": values, "peak_bytes": peak_bytes()}

    def train_begin(self, *, problem, data_dir, settings):
        """Read the rows and build the model; no step yet."""
        began = time.perf_counter()
        self._rows = load_problem(problem, data_dir, rows=settings.get("rows"))
        self._trainer = self._method.trainer(self._rows.X, self._rows.y, settings)
        n, d = self._rows.X.shape
        return {"seconds": time.perf_counter() - began, "n": n, "d": d}

    def train_advance(self):
        """Some more steps; `points` are those at which the parameters were kept."""
        began = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reply = self._trainer.advance()
        seconds = time.perf_counter() - began
        notes = sorted({str(w.message).splitlines()[0][:200] for w in caught})
        return {**reply, "seconds": seconds, "warnings": notes, "peak_bytes": peak_bytes()}

    def train_predict(self, *, test_rows=None):
        """The method's own predictions of the test rows, scored in standardised units."""
        X, y = self._rows.X_test[:test_rows], self._rows.y_test[:test_rows]
        began = time.perf_counter()
        mean, std = self._trainer.predict(X)
        seconds = time.perf_counter() - began
        if std is None:
            found = {"rmse": float(np.sqrt(np.mean((y - np.asarray(mean)) ** 2)))}
        else:
            found = score(y, mean, std)
        return {**found, "seconds": seconds, "test_rows": len(y), "peak_bytes": peak_bytes()}

    def posterior_score(self, *, problem, data_dir, parameters, rows):
        """Scores of the dense float64 posterior at given parameters."""
        data = load_problem(problem, data_dir, rows=rows)
        began = time.perf_counter()
        mean, std = self._method.predict(data.X, data.y, parameters, data.X_test)
        return {**score(data.y_test, mean, std), "seconds": time.perf_counter() - began}

    def _timed(self, began, number):
        reply = self._evaluate(number)
        return {**reply, "seconds": time.perf_counter() - began, "peak_bytes": peak_bytes()}


def peak_bytes():
    """Largest resident memory of this process so far; None where the system does not say."""
    if sys.platform != "linux":
        return None
    # Not getrusage: its maximum can be that of the process that started this one.
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith("VmHWM"):
                return 1024 * int(line.split()[1])
    return None
