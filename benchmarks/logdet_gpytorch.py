"""Log-determinants by linear_operator, for `benchmarks.logdet`; runs in the rivals' environment.

One argument: a JSON request; one line of JSON as reply.
"""

import importlib.metadata
import json
import sys
import time
import warnings

import linear_operator
import numpy as np
import torch


def main():
    request = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    matrix = torch.from_numpy(np.load(request["matrix"]))
    n, noise = len(matrix), request["noise"]
    kernel = linear_operator.to_linear_operator(matrix - noise * torch.eye(n, dtype=matrix.dtype))
    operator = kernel.add_diagonal(torch.tensor(noise, dtype=matrix.dtype))
    y = torch.ones(n, 1, dtype=matrix.dtype)
    settings = linear_operator.settings
    values, seconds = [], []
    with (
        torch.no_grad(),
        settings.max_cholesky_size(0),
        settings.max_preconditioner_size(request["rank"]),
        settings.min_preconditioning_size(1),
        settings.num_trace_samples(request["num_probes"]),
        settings.max_lanczos_quadrature_iterations(request["depth"]),
        settings.cg_tolerance(1e-2),
    ):
        for key in range(request["keys"]):
            torch.manual_seed(request["seed"] + key)
            began = time.perf_counter()
            values.append(float(operator.inv_quad_logdet(y, logdet=True)[1]))
            seconds.append(time.perf_counter() - began)
    names = ("torch", "linear_operator")
    versions = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps({"values": values, "seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
