"""Products with a kernel matrix by KeOps through GPyTorch; needs pykeops and a compiler."""

import os

import numpy as np
import torch
from gpytorch.kernels import ScaleKernel
from gpytorch.kernels.keops import MaternKernel
from pykeops import torch as _pykeops  # noqa: F401  (GPyTorch falls back to dense without it)

torch.set_num_threads(int(os.environ["GPKIT_BENCHMARK_THREADS"]))


def products(name, n, d, k, seed, memory_gb):
    """The product of the scaled Matern-3/2 kernel; KeyError for others."""
    del memory_gb
    if name != "matern32":
        raise KeyError(f"no kernel {name} here")
    rng = np.random.default_rng(seed)
    X = torch.as_tensor(rng.normal(size=(n, d)), dtype=torch.float32)
    V = torch.as_tensor(rng.normal(size=(n, k)), dtype=torch.float32)
    matern = MaternKernel(nu=1.5, ard_num_dims=d)
    matern.lengthscale = torch.full((1, d), float(np.sqrt(d)))
    covariance = ScaleKernel(matern).float()
    covariance.outputscale = 1.3

    def multiply():
        with torch.no_grad():
            return covariance(X) @ V

    return {"recomputed": multiply}
