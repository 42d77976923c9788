"""gpkit: estimators with their defaults, and the log evidence phase by phase."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import gpkit as gp
from gpkit.linalg.factorisation import cholesky
from gpkit.linalg.inverse import lower_spd_inverse
from gpkit.operators import gram_lower


def fit_regressor(X, y, seed):
    model = gp.GPRegressor(random_state=seed).fit(X, y)
    return lambda X_new: model.predict(X_new, return_std=True), _facts(model)


def fit_selector(X, y, seed):
    return _selected(gp.GPSelector(random_state=seed), X, y)


def fit_stacking(X, y, seed):
    return _selected(gp.GPSelector(predict_with="stacking", random_state=seed), X, y)


def _selected(selector, X, y):
    model = selector.fit(X, y)
    facts = {"best": model.best_, "undecided": list(model.undecided_), **_facts(model)}
    return lambda X_new: model.predict(X_new, return_std=True), facts


def _facts(model):
    evidence, plan = model.log_evidence_, model.plan_
    return {
        "kernel": str(model.kernel_),
        "log_evidence": float(evidence.value),
        "status": int(evidence.status),
        "rows_fitted": plan.rows,
        "rows_predicting": plan.posterior_rows,
    }


REGRESSION = {
    "GPRegressor": fit_regressor,
    "GPSelector": fit_selector,
    "GPSelector-stacking": fit_stacking,
}


def _model(theta, dtype):
    array = lambda name: jnp.asarray(theta[name], dtype)  # noqa: E731
    kernel = array("variance") * gp.kernels.Matern32(lengthscale=array("lengthscale"))
    return gp.GP(kernel, mean=gp.means.Zero(), noise=gp.noise.Gaussian(array("noise")))


def _setup(X, y, dtype):
    jax.config.update("jax_enable_x64", dtype == "float64")
    return jnp.asarray(X, dtype), jnp.asarray(y, dtype)


def evidence(X, y, theta, dtype):
    """Total value in nats and gradient with respect to the logarithms of the parameters."""
    X, y = _setup(X, y, dtype)
    # The parameters are an input of the compiled program, as in a fit.
    logs = {k: jnp.log(jnp.asarray(v, dtype)) for k, v in theta.items()}

    @jax.jit
    def value_and_gradient(logs, X, y):
        natural = lambda logs: {k: jnp.exp(v) for k, v in logs.items()}  # noqa: E731
        return jax.value_and_grad(
            lambda logs: gp.log_evidence(_model(natural(logs), dtype), X, y).value
        )(logs)

    def evaluate():
        value, slopes = jax.block_until_ready(value_and_gradient(logs, X, y))
        order = ["variance", "lengthscale", "noise"]
        return float(value), np.concatenate([np.ravel(slopes[k]) for k in order]).tolist()

    return evaluate


def matmul(n, dtype):
    jax.config.update("jax_enable_x64", dtype == "float64")
    a = jax.random.normal(jax.random.key(0), (n, n), dtype)
    product = jax.jit(lambda a: a @ a)
    return lambda: product(a).block_until_ready()


def phases(X, y, theta, dtype):
    """Phases of one evaluation, each compiled alone, with the fewest flops it can take.

    Covariances: one symmetric product of the inputs. Factor: n^3/3. Inverse from the factor:
    2/3 n^3. Contraction with the derivatives: the covariances once more and a product that
    takes the weights to squared differences of every column.
    """
    X, y = _setup(X, y, dtype)
    n, d = X.shape
    kernel = _model(theta, dtype).kernel
    noise = jnp.asarray(theta["noise"], dtype)
    build = jax.jit(lambda kernel, X: gram_lower(kernel, X))
    factorise = jax.jit(lambda H: cholesky(H).factor)
    invert = jax.jit(lower_spd_inverse)

    @jax.jit
    def contract(kernel, X, weights):
        return eqx.filter_grad(lambda kernel: jnp.sum(weights * gram_lower(kernel, X)))(kernel)

    H = build(kernel, X) + noise * jnp.eye(n, dtype=dtype)
    factor = factorise(H)
    weights = invert(factor)
    ready = jax.block_until_ready
    return {
        "gram": (lambda: ready(build(kernel, X)), n * n * d),
        "cholesky": (lambda: ready(factorise(H)), n**3 / 3),
        "inverse": (lambda: ready(invert(factor)), 2 * n**3 / 3),
        "contraction": (lambda: ready(contract(kernel, X, weights)), 3 * n * n * d),
    }
