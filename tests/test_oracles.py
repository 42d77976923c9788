"""Numbers from elsewhere: see tests/oracles/README.md for where each comes from."""

import csv
import datetime
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gpkit as gp
from gpkit import kernels

FOLDER = Path(__file__).parent / "oracles"
CO2 = Path(__file__).parents[1] / "datasets" / "co2_weekly.csv"


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def cases(name):
    return [pytest.param(case, id=case["name"]) for case in read(name)["cases"]]


def periodic(lengthscale, period):
    """GPyTorch's form, whose lengthscale stands unsquared in the exponent."""
    return kernels.Periodic(jnp.sqrt(lengthscale), period)


def rq(t):
    return t["variance"] * kernels.RationalQuadratic(t["lengthscale"], t["alpha"])


# Parameters by the names of the files -> a kernel of gpkit.
KERNELS = {
    "rbf": lambda t: t["variance"] * kernels.RBF(t["lengthscale"]),
    "matern12": lambda t: t["variance"] * kernels.Matern12(t["lengthscale"]),
    "matern32": lambda t: t["variance"] * kernels.Matern32(t["lengthscale"]),
    "matern52": lambda t: t["variance"] * kernels.Matern52(t["lengthscale"]),
    "rational_quadratic": rq,
    "periodic": lambda t: t["variance"] * periodic(t["lengthscale"], t["period"]),
    "linear": lambda t: kernels.Linear(t["variance"]),
    "sum": lambda t: (
        t["variance"] * kernels.RBF(t["lengthscale"])
        + t["variance2"] * kernels.Matern32(t["lengthscale2"])
    ),
    "product": lambda t: (
        t["variance"] * kernels.RBF(t["lengthscale"]) * periodic(t["lengthscale2"], t["period"])
    ),
}
KERNELS |= {"rbf_ard": KERNELS["rbf"], "matern32_ard": KERNELS["matern32"]}


def build(kernel, t):
    """A model; without a mean in `t` the mean is zero."""
    mean = gp.means.Constant(t["mean"]) if "mean" in t else gp.means.Zero()
    return gp.GP(kernel(t), mean=mean, noise=gp.noise.Gaussian(t["noise"]))


def check(case, kernel, X, y, theta=None):
    """Value to 1e-8, every derivative to 1e-6, relative."""
    theta = {k: jnp.asarray(v) for k, v in case["theta"].items()} if theta is None else theta
    evidence = lambda t: gp.log_evidence(build(kernel, t), X, y).value  # noqa: E731
    value, slopes = jax.jit(jax.value_and_grad(evidence))(theta)
    assert float(value) == pytest.approx(float(case["value"]), rel=1e-8)
    assert slopes.keys() == case["gradient"].keys()
    for name, slope in slopes.items():
        expected = np.asarray(case["gradient"][name], float)
        np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-12, err_msg=name)


def check_prediction(case, kernel, X, y, X_new, theta):
    post = gp.condition(build(kernel, theta), X, y)
    mean, latent = post.latent(X_new)
    np.testing.assert_allclose(mean, np.asarray(case["mean"], float), rtol=1e-8)
    expected = np.asarray(case["latent_variance"], float)
    np.testing.assert_allclose(latent, expected, rtol=1e-8)
    observed, variance = post.predict(X_new)
    np.testing.assert_allclose(observed, mean, rtol=1e-15)
    np.testing.assert_allclose(variance, expected + float(theta["noise"]), rtol=1e-8)


@pytest.mark.parametrize("case", cases("closed_forms"))
def test_closed_forms(case):
    X = jnp.asarray([[float(v)] for v in case["x"]])
    y = jnp.asarray([float(v) for v in case["y"]])
    theta = {k: jnp.asarray(float(v)) for k, v in case["theta"].items()}
    check(case, KERNELS[case["kernel"]], X, y, theta)
    X_new = jnp.asarray([[float(case["x_new"])]])
    check_prediction(case, KERNELS[case["kernel"]], X, y, X_new, theta)


@pytest.mark.parametrize("case", cases("sklearn_lml"))
def test_scikit_learn(case):
    data = read("sklearn_lml")
    check(case, KERNELS[case["name"]], jnp.asarray(data["X"]), jnp.asarray(data["y"]))


@pytest.mark.parametrize("case", cases("gpytorch_dense"))
def test_gpytorch(case):
    data = {k: jnp.asarray(v) for k, v in read("gpytorch_dense")["data"][case["data"]].items()}
    kernel = KERNELS[case["name"]]
    check(case, kernel, data["X"], data["y"])
    theta = {k: jnp.asarray(v) for k, v in case["theta"].items()}
    check_prediction(case, kernel, data["X"], data["y"], data["X_new"], theta)


# ------------------------------------------------------------------- Mauna Loa, n = 478


def co2():
    """george's recipe: weeks with a value before 1996, every fourth of them."""
    with CO2.open(newline="") as file:
        rows = [(row["date"], row["co2"]) for row in csv.DictReader(file) if row["co2"]]
    origin = datetime.date(2000, 1, 1)
    digits = [date.replace("-", "") for date, _ in rows]
    days = [(datetime.date(int(s[:4]), int(s[4:6]), int(s[6:])) - origin).days for s in digits]
    t, y = 2000 + (np.array(days) - 0.5) / 365.25, np.array([float(v) for _, v in rows])
    early = t < 1996
    return jnp.asarray(t[early][::4, None]), jnp.asarray(y[early][::4])


def mauna_loa(t):
    """Trend, season, medium and short terms; m1 to m4 are squared lengthscales."""
    season = kernels.Periodic(jnp.sqrt(2 / t["gamma"]), t["period"])
    medium = kernels.RationalQuadratic(jnp.sqrt(t["m3"]), t["alpha"])
    return (
        t["v1"] * kernels.RBF(jnp.sqrt(t["m1"]))
        + t["v2"] * kernels.RBF(jnp.sqrt(t["m2"])) * season
        + t["v3"] * medium
        + t["v4"] * kernels.RBF(jnp.sqrt(t["m4"]))
    )


def test_george_mauna_loa():
    oracle = read("george_co2")
    X, y = co2()
    assert len(y) == oracle["n"]
    natural = {"mean", "gamma"}
    start = {**oracle["start"], "mean": oracle["mean_of_y"]}
    logs = {k: jnp.asarray(v if k in natural else np.log(v)) for k, v in start.items()}

    def evidence(logs):
        t = {k: v if k in natural else jnp.exp(v) for k, v in logs.items()}
        return gp.log_evidence(build(mauna_loa, t), X, y).value

    value, slopes = jax.jit(jax.value_and_grad(evidence))(logs)
    assert float(value) == pytest.approx(oracle["value"], rel=1e-8)
    found = [float(slopes[name]) for name in oracle["order"]]
    np.testing.assert_allclose(found, oracle["gradient"], rtol=1e-6)


@pytest.mark.slow
def test_fit_reaches_the_published_optimum_of_mauna_loa():
    oracle = read("george_co2")
    X, y = co2()
    start = {**oracle["start"], "mean": oracle["mean_of_y"]}
    model = build(mauna_loa, {k: jnp.asarray(v) for k, v in start.items()})
    fitted = gp.fit(model, X, y, max_steps=400, key=jax.random.key(0))
    assert fitted.log_density > oracle["published_optimum"]


# ----------------------------------------------------------------- leave-one-out by refits


def test_leave_one_out_equals_refits():
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    theta = {"variance": 1.3, "lengthscale": np.array([0.8, 1.7]), "noise": 0.2, "mean": 0.4}
    post = gp.condition(build(KERNELS["matern52"], theta), jnp.asarray(X), jnp.asarray(y))
    mean, variance = post.leave_one_out()
    for i in range(9):
        left = np.arange(9) != i
        scaled = X / theta["lengthscale"]
        s = np.sqrt(5 * ((scaled[:, None] - scaled[None]) ** 2).sum(-1))
        K = theta["variance"] * (1 + s + s**2 / 3) * np.exp(-s)
        weights = np.linalg.solve(K[np.ix_(left, left)] + 0.2 * np.eye(8), K[left, i])
        assert float(mean[i]) == pytest.approx(0.4 + weights @ (y[left] - 0.4), rel=1e-10)
        expected = K[i, i] - weights @ K[left, i] + 0.2
        assert float(variance[i]) == pytest.approx(expected, rel=1e-10)
