"""gpkit's dense solver: the references of the large suites.

Parameters are dicts: mean, variance, noise, lengthscale (one per column); Matern-3/2.
"""

import jax
import jax.numpy as jnp
import numpy as np

import gpkit as gp


def model(theta, dtype):
    """The Gaussian process of these parameters."""
    array = lambda name: jnp.asarray(theta[name], dtype)  # noqa: E731
    kernel = array("variance") * gp.kernels.Matern32(lengthscale=array("lengthscale"))
    noise = gp.noise.Gaussian(array("noise"))
    return gp.GP(kernel, mean=gp.means.Constant(array("mean")), noise=noise)


def loss(X, y, dtype):
    """Negative log evidence and its gradient as a function of a vector.

    The vector is the mean, then logarithms of variance, noise and lengthscales. Where the
    factorisation fails the value is infinite.
    """
    jax.config.update("jax_enable_x64", dtype == "float64")
    X, y = jnp.asarray(X, dtype), jnp.asarray(y, dtype)

    @jax.jit
    @jax.value_and_grad
    def function(x, X, y):
        positive = jnp.exp(x[1:])
        theta = {
            "mean": x[0], "variance": positive[0], "noise": positive[1],
            "lengthscale": positive[2:],
        }  # fmt: skip
        return -gp.log_evidence(model(theta, dtype), X, y).value

    def evaluate(x):
        value, gradient = function(jnp.asarray(x, dtype), X, y)
        value = float(value)
        return (value if np.isfinite(value) else np.inf), np.asarray(gradient, np.float64)

    return evaluate


def predict(X, y, theta, X_new):
    """Mean and standard deviation of new observations, float64."""
    jax.config.update("jax_enable_x64", True)
    X, y, X_new = (jnp.asarray(v, "float64") for v in (X, y, X_new))
    posterior = gp.condition(model(theta, "float64"), X, y)
    mean, variance = posterior.predict(X_new)
    return np.asarray(mean), np.sqrt(np.asarray(variance))


def evidence_at(X, y, theta, settings):
    """Value and gradient at fixed parameters, zero mean."""
    evaluate = loss(X, y, settings.get("dtype", "float64"))
    positive = np.concatenate([np.ravel(theta[k]) for k in ("variance", "noise", "lengthscale")])
    x = np.concatenate([[0.0], np.log(positive)])

    def value_and_gradient(number):
        del number
        value, gradient = evaluate(x)
        return {"value": -value, "gradient": (-gradient[1:]).tolist()}

    return value_and_gradient
