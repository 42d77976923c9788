"""Methods by name: which module holds them, which environment they need, what they are."""

from typing import NamedTuple


class Method(NamedTuple):
    """One method of the suites; `rival` says that it runs in the rivals' environment."""

    module: str
    rival: bool
    what: str


METHODS = {
    "GPSelector": Method("gpkit", False, "gpkit.GPSelector(), defaults"),
    "GPSelector-stacking": Method(
        "gpkit", False, "gpkit.GPSelector(predict_with='stacking'), else defaults"
    ),
    "GPRegressor": Method("gpkit", False, "gpkit.GPRegressor(), defaults"),
    "sklearn-gpr": Method(
        "sklearn",
        False,
        "GaussianProcessRegressor(ConstantKernel() * Matern(ones(d), nu=2.5) + WhiteKernel(), "
        "n_restarts_optimizer=5, normalize_y=True), inputs standardised with training statistics",
    ),
    "gpytorch-adam": Method(
        "gpytorch",
        True,
        "ExactGP, ScaleKernel(MaternKernel(2.5, ard)), constant mean, float64, Cholesky forced, "
        "data standardised with training statistics, Adam lr 0.1, 100 steps",
    ),
    "gpytorch-lbfgs": Method(
        "gpytorch",
        True,
        "the same with torch.optim.LBFGS, strong Wolfe line search, 100 iterations",
    ),
    "ridge": Method(
        "sklearn",
        False,
        "RidgeCV, alphas 1e-3 to 1e3, standardised inputs; its leave-one-out error is the variance",
    ),
}


def python_for(method, *, core, rival):
    """The interpreter for a method, or None where its environment is not given."""
    return rival if METHODS[method].rival else core
