"""The child's side of `benchmarks.process`: ``python -m benchmarks.worker MODULE``."""

import importlib
import json
import os
import sys
import traceback


def main():
    module_name = sys.argv[1]
    # Replies keep the real standard output; whatever a library prints goes to standard error.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _limit_cores(int(os.environ["GPKIT_BENCHMARK_THREADS"]))

    # After the limit: numerical libraries size their thread pools when they are imported.
    method = importlib.import_module(f"benchmarks.methods.{module_name}")
    from benchmarks.machine import versions
    from benchmarks.tasks import Tasks

    tasks = Tasks(method)
    replies.write(json.dumps({"versions": versions()}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = tasks.run(request["task"], request["arguments"])
        except Exception as error:
            # The whole goes to the log; what is kept must name no path of the machine.
            traceback.print_exc()
            reply = {"error": "".join(traceback.format_exception_only(error)).strip()}
        replies.write(json.dumps(reply) + "\n")


def _limit_cores(threads):
    # XLA has no thread option of its own: it counts the cores that the process may use.
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])


if __name__ == "__main__":
    main()
