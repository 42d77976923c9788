"""Log-determinants by CoLA, for `benchmarks.logdet`; runs in an environment with it and torch.

One argument: a JSON request; one line of JSON as reply. The value is phase times magnitude of
`slogdet`: its iterative form splits tr log A, which is the log-determinant, into these two,
so that `cola.linalg.logdet` returns the absolute value of it. Its estimator of the trace always
takes 100 probes (version 0.0.7 overwrites the number asked for); one batch of them is used.
"""

import importlib.metadata
import json
import sys
import time

import cola
import numpy as np
import torch
from cola.linalg.logdet.logdet import slogdet


def main():
    request = json.loads(sys.argv[1])
    operator = cola.PSD(cola.lazify(torch.from_numpy(np.load(request["matrix"]))))
    log = cola.linalg.Lanczos(max_iters=request["depth"])
    values, seconds = [], []
    for key in range(request["keys"]):
        seed = request["seed"] + key
        trace = cola.linalg.Hutch(max_iters=1, rand="rademacher", key=seed)
        began = time.perf_counter()
        phase, magnitude = slogdet(operator, log, trace)
        values.append(float(phase * magnitude))
        seconds.append(time.perf_counter() - began)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "cola-ml")}
    print(json.dumps({"values": values, "seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
