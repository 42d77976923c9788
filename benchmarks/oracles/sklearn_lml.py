"""scikit-learn's log marginal likelihood and gradient for three kernels on small data.

    python -m benchmarks.oracles.sklearn_lml

`GaussianProcessRegressor(alpha=0, optimizer=None)`, zero mean, targets not normalised. It
returns derivatives with respect to the logarithm of every hyperparameter; stored are the
derivatives with respect to the hyperparameters themselves.
"""

import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from benchmarks.oracles import dense


def small_data(seed, n, d):
    """Seeded inputs and targets with three decimals."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, d)).round(3)
    y = np.sin(2 * X[:, 0]) + 0.5 * X[:, -1] + 0.3 * rng.normal(size=n)
    return X, y.round(3)


CASES = {
    "rbf": (
        ConstantKernel(1.7) * RBF(0.9) + WhiteKernel(0.15),
        dense.rbf,
        {"variance": 1.7, "lengthscale": 0.9, "noise": 0.15},
        ["variance", "lengthscale", "noise"],
    ),
    "matern32_ard": (
        ConstantKernel(0.8) * Matern([0.6, 1.4, 3.2], nu=1.5) + WhiteKernel(0.05),
        dense.matern32,
        {"variance": 0.8, "lengthscale": [0.6, 1.4, 3.2], "noise": 0.05},
        ["variance", "lengthscale", "noise"],
    ),
    "rational_quadratic": (
        ConstantKernel(2.3) * RationalQuadratic(length_scale=1.1, alpha=0.7) + WhiteKernel(0.3),
        dense.rational_quadratic,
        {"variance": 2.3, "lengthscale": 1.1, "alpha": 0.7, "noise": 0.3},
        ["variance", "alpha", "lengthscale", "noise"],
    ),
}


def evaluate(name, X, y):
    """One case, checked against the independent computation."""
    kernel, formula, theta, order = CASES[name]
    model = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(X, y)
    value, slopes = model.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    natural, found = iter(slopes / np.exp(kernel.theta)), {}
    for entry in order:
        count = np.size(theta[entry])
        slope = [float(next(natural)) for _ in range(count)]
        found[entry] = slope if np.ndim(theta[entry]) else slope[0]
    case = {"name": name, "kernel": str(kernel), "theta": theta, "value": float(value)}
    case["gradient"] = found
    full = {**case, "theta": {**theta, "mean": 0.0}, "gradient": {**found}}
    full["gradient"]["mean"] = dense.gradient(formula, full["theta"], X, y)["mean"]
    print(f"{name}: largest relative difference {dense.check(full, formula, X, y):.1e}")
    return case


def main():
    X, y = small_data(11, 15, 3)
    dense.write("sklearn_lml", {
        "source": f"scikit-learn {sklearn.__version__}, GaussianProcessRegressor"
        ".log_marginal_likelihood(theta, eval_gradient=True), zero mean, alpha=0",
        "script": "benchmarks/oracles/sklearn_lml.py",
        "units": "total nats; derivatives with respect to the hyperparameters themselves",
        "X": X.tolist(), "y": y.tolist(),
        "cases": [evaluate(name, X, y) for name in CASES],
    })  # fmt: skip


if __name__ == "__main__":
    main()
