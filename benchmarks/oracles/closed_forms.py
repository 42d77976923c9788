r"""Log evidence, gradient and predictions for one to three points, to 50 digits.

    python -m benchmarks.oracles.closed_forms

Written out by hand, without a matrix library: with a = k(0) + noise and covariances b, c, e,

    one point    K = a
    two points   |K| = a^2 - b^2,        r^T K^-1 r = (a r1^2 + a r2^2 - 2 b r1 r2) / |K|
    three        |K| and K^-1 by cofactors

Derivatives are mpmath's numerical ones at 80 digits, so all 50 digits stored are right.
"""

import mpmath as mp

from benchmarks.oracles import dense

mp.mp.dps = 80
number = mp.mpf


def rbf(t, x, z):
    return t["variance"] * mp.exp(-(((x - z) / t["lengthscale"]) ** 2) / 2)


def matern12(t, x, z):
    return t["variance"] * mp.exp(-abs(x - z) / t["lengthscale"])


def matern52(t, x, z):
    s = mp.sqrt(5) * abs(x - z) / t["lengthscale"]
    return t["variance"] * (1 + s + s**2 / 3) * mp.exp(-s)


def rational_quadratic(t, x, z):
    squared = ((x - z) / t["lengthscale"]) ** 2
    return t["variance"] * (1 + squared / (2 * t["alpha"])) ** (-t["alpha"])


def determinant(K):
    if len(K) == 1:
        return K[0][0]
    if len(K) == 2:
        return K[0][0] * K[1][1] - K[0][1] ** 2
    (a, b, c), (_, d, e), (_, _, f) = K
    return a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)


def inverse(K):
    """Inverse of a symmetric matrix of up to three rows, by cofactors."""
    if len(K) == 1:
        return [[1 / K[0][0]]]
    if len(K) == 2:
        (a, b), (_, d) = K
        adjugate = [[d, -b], [-b, a]]
    else:
        (a, b, c), (_, d, e), (_, _, f) = K
        p, q, r = d * f - e * e, c * e - b * f, b * e - c * d
        s, t, u = a * f - c * c, b * c - a * e, a * d - b * b
        adjugate = [[p, q, r], [q, s, t], [r, t, u]]
    return [[entry / determinant(K) for entry in row] for row in adjugate]


def covariance(kernel, t, x):
    noise = lambda i, j: t["noise"] if i == j else 0  # noqa: E731
    rows = range(len(x))
    return [[kernel(t, x[i], x[j]) + noise(i, j) for j in rows] for i in rows]


def bilinear(left, K, right):
    rows = range(len(K))
    return mp.fsum(left[i] * K[i][j] * right[j] for i in rows for j in rows)


def log_evidence(kernel, t, x, y):
    K = covariance(kernel, t, x)
    r = [value - t["mean"] for value in y]
    return -(bilinear(r, inverse(K), r) + mp.log(determinant(K)) + len(x) * mp.log(2 * mp.pi)) / 2


def slope(kernel, t, x, y, name):
    return mp.diff(lambda v: log_evidence(kernel, {**t, name: v}, x, y), t[name])


def predict(kernel, t, x, y, new):
    """Mean and variance of the latent function at one point."""
    weights = inverse(covariance(kernel, t, x))
    cross = [kernel(t, point, new) for point in x]
    mean = t["mean"] + bilinear(cross, weights, [value - t["mean"] for value in y])
    return mean, kernel(t, new, new) - bilinear(cross, weights, cross)


COMMON = {"mean": "0.3", "noise": "0.2", "variance": "1.5", "lengthscale": "0.8"}
CASES = {
    "one_point": (rbf, {}, ["0.4"], ["1.7"]),
    "two_points": (matern12, {}, ["0.1", "0.9"], ["-0.6", "1.1"]),
    "two_equal_points": (rbf, {"noise": "0.05"}, ["0.5", "0.5"], ["0.9", "1.2"]),
    "three_points": (matern52, {"mean": "0"}, ["-1", "0.25", "0.7"], ["0.2", "-0.8", "0.5"]),
    "three_points_rq": (rational_quadratic, {"alpha": "0.6"}, ["-2", "0", "3"], ["1", "2", "-1"]),
}
NEW = "0.55"


def evaluate(name):
    kernel, special, x, y = CASES[name]
    text = {**COMMON, **special}
    t = {k: number(v) for k, v in text.items()}
    points, targets = [number(v) for v in x], [number(v) for v in y]
    show = lambda v: mp.nstr(v, 50)  # noqa: E731
    mean, latent = predict(kernel, t, points, targets, number(NEW))
    return {
        "name": name,
        "kernel": kernel.__name__,
        "theta": text,
        "x": x,
        "y": y,
        "x_new": NEW,
        "value": show(log_evidence(kernel, t, points, targets)),
        "gradient": {k: show(slope(kernel, t, points, targets, k)) for k in t},
        "mean": show(mean),
        "latent_variance": show(latent),
    }


def main():
    dense.write("closed_forms", {
        "source": f"written out by hand, evaluated with mpmath {mp.__version__} at 80 digits",
        "script": "benchmarks/oracles/closed_forms.py",
        "units": "total nats; numbers are decimal strings, 50 digits",
        "cases": [evaluate(name) for name in CASES],
    })  # fmt: skip


if __name__ == "__main__":
    main()
