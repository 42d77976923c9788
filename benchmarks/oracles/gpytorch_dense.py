"""GPyTorch's exact log evidence, gradient and predictions in float64, by Cholesky.

    RIVAL_PYTHON -m benchmarks.oracles.gpytorch_dense

`fast_computations(False, False, False)`, `max_cholesky_size(10**6)`. GPyTorch's
`ExactMarginalLogLikelihood` is per data point: stored is the total (times n). Derivatives are
with respect to the constrained values. Its periodic kernel reads

    k(x, z) = variance exp(-2 sin^2(pi |x - z| / period) / lengthscale)

with the lengthscale NOT squared.
"""

import gpytorch
import numpy as np
import torch
from gpytorch.kernels import (
    LinearKernel,
    MaternKernel,
    PeriodicKernel,
    RBFKernel,
    RQKernel,
    ScaleKernel,
)

from benchmarks.oracles import dense
from benchmarks.oracles.sklearn_lml import small_data

MEAN, NOISE = 0.25, 0.12

# Squared distances by one matrix product leave 1e-16 on the diagonal, so distances of 1e-8, and
# Matern-1/2 is linear in the distance at zero: GPyTorch is off by 1e-8 here while it trains.
ROUNDED = 1e-7


class Exact(gpytorch.models.ExactGP):
    """Constant mean and any kernel."""

    def __init__(self, X, y, likelihood, kernel):
        super().__init__(X, y, likelihood)
        self.mean_module = gpytorch.means.ConstantMean()
        self.covar_module = kernel

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def periodic(theta, X, Z):
    return theta["variance"] * np.exp(-2 * dense.sine_squared(theta, X, Z) / theta["lengthscale"])


def sum_of_two(theta, X, Z):
    rough = {"variance": theta["variance2"], "lengthscale": theta["lengthscale2"]}
    return dense.rbf(theta, X, Z) + dense.matern32(rough, X, Z)


def product_of_two(theta, X, Z):
    wave = {**theta, "variance": 1.0, "lengthscale": theta["lengthscale2"]}
    return dense.rbf(theta, X, Z) * periodic(wave, X, Z)


def scaled(base):
    """A scaled kernel and where its parameters live."""
    kernel = ScaleKernel(base)
    return kernel, {"variance": (kernel, "outputscale"), "lengthscale": (base, "lengthscale")}


def rbf_ard():
    kernel, places = scaled(RBFKernel(ard_num_dims=2))
    return kernel, places, dense.rbf, {"variance": 1.4, "lengthscale": [0.7, 2.1]}, 2


def matern(nu, formula):
    kernel, places = scaled(MaternKernel(nu=nu, ard_num_dims=2))
    return kernel, places, formula, {"variance": 0.9, "lengthscale": [1.2, 0.8]}, 2


def rq():
    kernel, places = scaled(RQKernel())
    places["alpha"] = (kernel.base_kernel, "alpha")
    theta = {"variance": 1.1, "lengthscale": 0.75, "alpha": 1.6}
    return kernel, places, dense.rational_quadratic, theta, 2


def wave():
    kernel, places = scaled(PeriodicKernel())
    places["period"] = (kernel.base_kernel, "period_length")
    theta = {"variance": 1.2, "lengthscale": 0.9, "period": 1.7}
    return kernel, places, periodic, theta, 1


def straight():
    kernel = LinearKernel()
    return kernel, {"variance": (kernel, "variance")}, dense.linear, {"variance": 0.6}, 2


def addition():
    first, places = scaled(RBFKernel(ard_num_dims=2))
    second, more = scaled(MaternKernel(nu=1.5))
    places |= {f"{name}2": place for name, place in more.items()}
    theta = {"variance": 1.4, "lengthscale": [0.7, 2.1], "variance2": 0.5, "lengthscale2": 0.4}
    return first + second, places, sum_of_two, theta, 2


def multiplication():
    smooth, seasonal = RBFKernel(), PeriodicKernel()
    kernel = ScaleKernel(smooth * seasonal)
    places = {"variance": (kernel, "outputscale"), "lengthscale": (smooth, "lengthscale")}
    places |= {"lengthscale2": (seasonal, "lengthscale"), "period": (seasonal, "period_length")}
    theta = {"variance": 1.3, "lengthscale": 2.4, "lengthscale2": 0.8, "period": 1.1}
    return kernel, places, product_of_two, theta, 1


CASES = {
    "rbf_ard": rbf_ard,
    "matern12": lambda: matern(0.5, dense.matern12),
    "matern32": lambda: matern(1.5, dense.matern32),
    "matern52": lambda: matern(2.5, dense.matern52),
    "rational_quadratic": rq,
    "periodic": wave,
    "linear": straight,
    "sum": addition,
    "product": multiplication,
}


def natural_gradient(module, name):
    """Derivative with respect to the constrained value, from that of the raw parameter."""
    raw = getattr(module, f"raw_{name}")
    free = raw.detach().clone().requires_grad_(True)
    getattr(module, f"raw_{name}_constraint").transform(free).sum().backward()
    return (raw.grad / free.grad).reshape(-1)


def evaluate(name, data):
    """One case, checked against the independent computation."""
    kernel, places, formula, theta, columns = CASES[name]()
    X, y, X_new = (torch.as_tensor(np.asarray(data[f"d{columns}"][k])) for k in ("X", "y", "X_new"))
    likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
    model = Exact(X, y, likelihood, kernel).double()
    places = {**places, "noise": (likelihood.noise_covar, "noise")}
    theta = {**theta, "noise": NOISE}
    for entry, (module, attribute) in places.items():
        module.initialize(**{attribute: torch.tensor(theta[entry], dtype=torch.float64)})
    model.mean_module.initialize(constant=MEAN)
    model.train()
    value = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)(model(X), y) * len(y)
    value.backward()
    slopes = {k: natural_gradient(*place).tolist() for k, place in places.items()}
    slopes = {k: v if np.ndim(theta[k]) else v[0] for k, v in slopes.items()}
    slopes["mean"] = float(model.mean_module.raw_constant.grad)
    model.eval()
    with torch.no_grad():
        latent = model(X_new)
        observed = likelihood(latent)
    case = {
        "name": name,
        "data": f"d{columns}",
        "theta": {**theta, "mean": MEAN},
        "value": value.item(),
        "gradient": slopes,
        "mean": latent.mean.tolist(),
        "latent_variance": latent.variance.tolist(),
        "variance": observed.variance.tolist(),
    }
    rtol = ROUNDED if name == "matern12" else 1e-9
    worst = dense.check(case, formula, X.numpy(), y.numpy(), X_new.numpy(), rtol=rtol)
    print(f"{name}: largest relative difference {worst:.1e}")
    return case


def main():
    data = {}
    for columns in (1, 2):
        X, y = small_data(20 + columns, 18, columns)
        keys = {"X": X[:14], "y": y[:14], "X_new": X[14:]}
        data[f"d{columns}"] = {k: v.tolist() for k, v in keys.items()}
    exact = gpytorch.settings.fast_computations(False, False, False)
    with exact, gpytorch.settings.max_cholesky_size(10**6):
        cases = [evaluate(name, data) for name in CASES]
    dense.write("gpytorch_dense", {
        "source": f"GPyTorch {gpytorch.__version__}, torch {torch.__version__}, float64, "
        "fast_computations(False, False, False), max_cholesky_size(10**6)",
        "script": "benchmarks/oracles/gpytorch_dense.py",
        "units": "total nats (GPyTorch's own value times n); derivatives with respect to the "
        "constrained values; variance = latent variance + noise",
        "periodic": "variance exp(-2 sin^2(pi |x - z| / period) / lengthscale), not squared",
        "sum": "variance rbf(lengthscale) + variance2 matern32(lengthscale2)",
        "product": "variance rbf(lengthscale) exp(-2 sin^2(pi |x - z| / period) / lengthscale2)",
        "data": data, "cases": cases,
    })  # fmt: skip


if __name__ == "__main__":
    main()
