"""GPyTorch: exact Gaussian processes with Cholesky forced at every size."""

import os

import gpytorch
import numpy as np
import torch
from gpytorch.kernels import MaternKernel, ScaleKernel

torch.set_num_threads(int(os.environ["GPKIT_BENCHMARK_THREADS"]))

# For the whole process: stock settings switch to loose conjugate gradients above n = 800.
gpytorch.settings.fast_computations(False, False, False).__enter__()
gpytorch.settings.max_cholesky_size(10**6).__enter__()


class Exact(gpytorch.models.ExactGP):
    """A scaled Matern kernel with one lengthscale per column."""

    def __init__(self, X, y, likelihood, nu, mean):
        super().__init__(X, y, likelihood)
        self.mean_module = mean
        self.covar_module = ScaleKernel(MaternKernel(nu=nu, ard_num_dims=X.shape[1]))

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def adam(model, loss):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
    return value.item()


def lbfgs(model, loss):
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return loss().item()


def fit(X, y, minimise):
    """Standardise with training statistics, minimise the negative log evidence per row."""
    shift, scale = X.mean(0), X.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    centre, spread = y.mean(), y.std()
    inputs = lambda Z: torch.as_tensor((Z - shift) / scale)  # noqa: E731
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    targets = torch.as_tensor((y - centre) / spread)
    model = Exact(inputs(X), targets, likelihood, 2.5, gpytorch.means.ConstantMean()).double()
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    model.train()
    final = minimise(model, lambda: -mll(model(*model.train_inputs), targets))
    model.eval()

    def predict(X_new):
        with torch.no_grad():
            observed = likelihood(model(inputs(X_new)))
        return observed.mean.numpy() * spread + centre, observed.stddev.numpy() * spread

    return predict, {"loss_per_row": final}


REGRESSION = {
    "gpytorch-adam": lambda X, y, seed: fit(X, y, adam),
    "gpytorch-lbfgs": lambda X, y, seed: fit(X, y, lbfgs),
}


def evidence(X, y, theta, dtype):
    """Total value in nats and gradient with respect to the logarithms of the parameters."""
    kind = getattr(torch, dtype)
    X, y = torch.as_tensor(X, dtype=kind), torch.as_tensor(y, dtype=kind)
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Exact(X, y, likelihood, 1.5, gpytorch.means.ZeroMean()).to(kind)
    kernel = model.covar_module
    places = [
        (kernel, "outputscale", "variance"),
        (kernel.base_kernel, "lengthscale", "lengthscale"),
    ]
    places.append((likelihood.noise_covar, "noise", "noise"))
    for module, name, key in places:
        module.initialize(**{name: torch.tensor(theta[key], dtype=kind)})
    mll = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    model.train()

    def evaluate():
        model.zero_grad()
        value = mll(model(X), y) * len(y)
        value.backward()
        return value.item(), [s for place in places for s in _log_slope(*place[:2])]

    return evaluate


def _log_slope(module, name):
    # Softplus: d value / d raw = 1 - exp(-(value - bound)).
    raw, value = getattr(module, f"raw_{name}"), getattr(module, name)
    bound = getattr(module, f"raw_{name}_constraint").lower_bound
    slope = raw.grad / -torch.expm1(bound - value.detach()) * value.detach()
    return slope.reshape(-1).tolist()


def matmul(n, dtype):
    a = torch.randn(n, n, dtype=getattr(torch, dtype))
    return lambda: a @ a
