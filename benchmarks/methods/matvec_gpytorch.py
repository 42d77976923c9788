"""Products with a kernel matrix by GPyTorch: evaluated in full, float32, then multiplied."""

import os

import numpy as np
import torch
from gpytorch.kernels import LinearKernel, MaternKernel, PeriodicKernel, ScaleKernel

torch.set_num_threads(int(os.environ["GPKIT_BENCHMARK_THREADS"]))


def matern(d):
    """Matern-3/2 with one lengthscale per column."""
    kernel = MaternKernel(nu=1.5, ard_num_dims=d)
    kernel.lengthscale = torch.full((1, d), float(np.sqrt(d)))
    return kernel


def kernel(name, d):
    """The kernel of that name; KeyError for one that GPyTorch has not."""
    if name == "matern32":
        found = ScaleKernel(matern(d))
        found.outputscale = 1.3
        return found
    if name == "matern32 * periodic + linear":
        first = PeriodicKernel(active_dims=(0,))
        first.lengthscale, first.period_length = 1.0, 2.0
        product, line = ScaleKernel(matern(d) * first), LinearKernel()
        product.outputscale, line.variance = 1.3, 0.1
        return product + line
    raise KeyError(f"no kernel {name} here")


def products(name, n, d, k, seed, memory_gb):
    """The product, evaluated anew in every call."""
    del memory_gb
    rng = np.random.default_rng(seed)
    X = torch.as_tensor(rng.normal(size=(n, d)), dtype=torch.float32)
    V = torch.as_tensor(rng.normal(size=(n, k)), dtype=torch.float32)
    covariance = kernel(name, d).float()

    def multiply():
        with torch.no_grad():
            return covariance(X).to_dense() @ V

    return {"recomputed": multiply}
