"""Worker processes: every method runs in one of its own, in the environment it needs.

Requests and replies are JSON, one per line. The parent waits on one worker at a time, so that
no two measurements run at once.
"""

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]


class WorkerFailed(RuntimeError):
    """The worker raised, died, or ran past its time; the message says which."""


class Worker:
    """A process that has imported one module of `benchmarks.methods`.

    `start_seconds` runs from the creation of the process to the end of its imports.
    """

    def __init__(self, python, module, *, threads, environment=None, timeout=300):
        variables = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}
        variables["GPKIT_BENCHMARK_THREADS"] = str(threads)
        # A cache of an earlier run would hide compilation; a suite that wants one says so.
        variables.pop("JAX_COMPILATION_CACHE_DIR", None)
        variables.update(environment or {})
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in `close`)
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [str(python), "-m", "benchmarks.worker", module],
            cwd=ROOT, env=variables, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
        )  # fmt: skip
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.versions = self._reply(timeout)["versions"]
        except WorkerFailed:
            self.close()
            raise
        self.start_seconds = time.perf_counter() - began

    def call(self, task, *, timeout=None, **arguments):
        """Run one task in the worker and return its reply, a dict."""
        self._process.stdin.write(json.dumps({"task": task, "arguments": arguments}) + "\n")
        return self._reply(timeout)

    def close(self):
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._messages.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _reply(self, timeout):
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            self._process.kill()
            raise WorkerFailed(f"ran past the limit of {timeout:g} s") from None
        if line is None:
            self._messages.seek(0)
            tail = self._messages.read()[-2000:]
            raise WorkerFailed(f"the process ended with code {self._process.wait()}: {tail}")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerFailed(reply["error"])
        return reply
