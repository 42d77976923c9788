"""scikit-learn: exact Gaussian process regression and ridge regression."""

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler


def fit_gpr(X, y, seed):
    scaler = StandardScaler().fit(X)
    kernel = ConstantKernel() * Matern(np.ones(X.shape[1]), nu=2.5) + WhiteKernel()
    model = GaussianProcessRegressor(
        kernel, n_restarts_optimizer=5, normalize_y=True, random_state=seed
    )
    model.fit(scaler.transform(X), y)
    facts = {"kernel": str(model.kernel_), "log_evidence": model.log_marginal_likelihood_value_}
    return lambda X_new: model.predict(scaler.transform(X_new), return_std=True), facts


def fit_ridge(X, y, seed):
    del seed
    scaler = StandardScaler().fit(X)
    alphas = np.logspace(-3, 3, 25)
    model = RidgeCV(alphas, store_cv_results=True).fit(scaler.transform(X), y)
    best = int(np.flatnonzero(alphas == model.alpha_)[0])
    std = float(np.sqrt(model.cv_results_[:, best].mean()))

    def predict(X_new):
        mean = model.predict(scaler.transform(X_new))
        return mean, np.full_like(mean, std)

    return predict, {"alpha": float(model.alpha_)}


REGRESSION = {"sklearn-gpr": fit_gpr, "ridge": fit_ridge}


def evidence(X, y, theta, dtype):
    """Value and gradient with respect to log variance, log lengthscales, log noise; float64."""
    if dtype != "float64":
        raise ValueError("scikit-learn computes its likelihood in float64 only")
    kernel = ConstantKernel(theta["variance"]) * Matern(theta["lengthscale"], nu=1.5)
    kernel += WhiteKernel(theta["noise"])
    model = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(X[:2], y[:2])
    # `fit` would factorise once more at this size; the likelihood needs only these two.
    model.X_train_, model.y_train_ = X, y

    def evaluate():
        value, slopes = model.log_marginal_likelihood(
            kernel.theta, eval_gradient=True, clone_kernel=False
        )
        return float(value), slopes.tolist()

    return evaluate


def matmul(n, dtype):
    a = np.random.default_rng(0).normal(size=(n, n)).astype(dtype)
    return lambda: a @ a
