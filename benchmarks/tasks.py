"""What a worker can be asked to do; the same code measures every method.

A module of `benchmarks.methods` offers one or more of

- ``REGRESSION``: name -> ``fit(X, y, seed)``, which returns ``(predict, facts)`` with
  ``predict(X) -> mean, std`` of a new observation, on raw inputs and targets;
- ``evidence(X, y, theta, dtype)``: a function without arguments that returns the value and
  the gradient of the log evidence as floats, all work done when it returns;
- ``matmul(n, dtype)``: a function without arguments, one n x n product;
- ``phases(X, y, theta, dtype)``: name -> (function without arguments, flops);
- ``products(kernel, n, d, k, seed, memory_gb)``: name -> function without arguments, products
  with a kernel matrix; ``rates()``: name -> (function without arguments, operations);
- what `benchmarks.large_tasks` names.
"""

import time
import warnings

from benchmarks.data import load_split, smooth_rows
from benchmarks.large_tasks import LargeTasks
from benchmarks.scores import score


class Tasks:
    """The tasks of one worker, and what it keeps between them."""

    def __init__(self, method):
        self._method = method
        self._functions = {}
        self._large = LargeTasks(method)

    def run(self, task, arguments):
        """The reply to one request, a dict."""
        known = {
            "regression": self.regression,
            "startup": self.startup,
            "prepare": self.prepare,
            "time": self.time,
            "matvec": self.matvec,
            "matvec_rates": self.matvec_rates,
            **self._large.known(),
        }
        return known[task](**arguments)

    def regression(self, *, method, dataset, split, data_dir, seed):
        """Fit on the training part of a split, predict its test part, score."""
        rows = load_split(dataset, split, data_dir)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            began, processor = time.perf_counter(), time.process_time()
            predict, facts = self._method.REGRESSION[method](rows.X, rows.y, seed)
            fitted = time.perf_counter()
            mean, std = predict(rows.X_test)
            ended = time.perf_counter()
        return {
            "split": split,
            "seed": seed,
            "n": len(rows.y),
            "n_test": len(rows.y_test),
            "d": rows.X.shape[1],
            **score(rows.y_test, mean, std),
            "fit_seconds": fitted - began,
            "predict_seconds": ended - fitted,
            "processor_seconds": time.process_time() - processor,
            "warnings": len(caught),
            "facts": facts,
        }

    def startup(self, *, method, n, d, seed):
        """One fit in this fresh process."""
        X, y = smooth_rows(n, d, seed)
        began = time.perf_counter()
        self._method.REGRESSION[method](X, y, seed)
        return {"fit_seconds": time.perf_counter() - began}

    def prepare(self, *, n, d, dtype, seed, theta, phases):
        """Build the functions to be timed and run each once: that is where they compile."""
        X, y = smooth_rows(n, d, seed)
        evidence = self._method.evidence(X, y, theta, dtype)
        self._functions = {"evidence": evidence, "matmul": self._method.matmul(n, dtype)}
        flops = {"matmul": 2 * n**3}
        if phases:
            for name, (function, count) in self._method.phases(X, y, theta, dtype).items():
                self._functions[name], flops[name] = function, count
        began = time.perf_counter()
        value, gradient = evidence()
        first = time.perf_counter() - began
        for name in self._functions:
            self._functions[name]()
        return {"first_seconds": first, "value": value, "gradient": gradient, "flops": flops}

    def matvec(self, *, kernel, n, d, k, seed, memory_gb):
        """Build the products of one kernel and run each once, compilation included."""
        self._functions = {}
        self._functions = self._method.products(kernel, n, d, k, seed, memory_gb)
        first = {}
        for name, function in self._functions.items():
            began = time.perf_counter()
            function()
            first[name] = time.perf_counter() - began
        return {"first_seconds": first}

    def matvec_rates(self):
        """Prepare what measures the rates of the machine; reply with the operations of a call."""
        prepared = self._method.rates()
        self._functions = {name: function for name, (function, _) in prepared.items()}
        for function in self._functions.values():
            function()
        return {"counts": {name: count for name, (_, count) in prepared.items()}}

    def time(self, *, function):
        """Seconds of one evaluation of a prepared function."""
        began, processor = time.perf_counter(), time.process_time()
        self._functions[function]()
        seconds, spent = time.perf_counter() - began, time.process_time() - processor
        return {"seconds": seconds, "processor_seconds": spent}
