r"""A second, independent computation that every stored number is checked against.

Plain numpy, one formula per kernel, no shared code with gpkit:

    log p(y) = -1/2 r^T K^-1 r - 1/2 log|K| - n/2 log(2 pi),    r = y - mean,
    d log p / d theta = 1/2 tr((a a^T - K^-1) dK/d theta),      a = K^-1 r.

dK/d theta is taken entry by entry with a complex step, Im K(theta + ih) / h, which is exact
to rounding because it subtracts nothing.
"""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "oracles"
STEP = 1e-30


def squared_distances(theta, X, Z):
    """Squared distances of rows scaled by ``theta["lengthscale"]``, (n, m)."""
    scale = np.asarray(theta["lengthscale"])
    differences = X[:, None, :] / scale - Z[None, :, :] / scale
    return (differences**2).sum(-1)


def distances(theta, X, Z):
    """Square root of `squared_distances`, with derivative zero at distance zero."""
    squared = squared_distances(theta, X, Z)
    zero = squared.real == 0
    return np.where(zero, 0, np.sqrt(np.where(zero, 1, squared)))


def rbf(theta, X, Z):
    return theta["variance"] * np.exp(-0.5 * squared_distances(theta, X, Z))


def matern12(theta, X, Z):
    return theta["variance"] * np.exp(-distances(theta, X, Z))


def matern32(theta, X, Z):
    s = np.sqrt(3.0) * distances(theta, X, Z)
    return theta["variance"] * (1 + s) * np.exp(-s)


def matern52(theta, X, Z):
    s = np.sqrt(5.0) * distances(theta, X, Z)
    return theta["variance"] * (1 + s + s**2 / 3) * np.exp(-s)


def rational_quadratic(theta, X, Z):
    alpha = theta["alpha"]
    base = 1 + squared_distances(theta, X, Z) / (2 * alpha)
    return theta["variance"] * np.exp(-alpha * np.log(base))


def sine_squared(theta, X, Z):
    return np.sin(np.pi * np.abs(X - Z.T) / theta["period"]) ** 2


def linear(theta, X, Z):
    return theta["variance"] * (X @ Z.T)


def value(kernel, theta, X, y):
    """Log evidence in nats; `theta` also holds the noise variance and the mean."""
    K = kernel(theta, X, X) + theta["noise"] * np.eye(len(y))
    factor = np.linalg.cholesky(K)
    white = np.linalg.solve(factor, y - theta["mean"])
    logdet = 2 * np.log(np.diagonal(factor)).sum()
    return -0.5 * (white @ white + logdet + len(y) * np.log(2 * np.pi))


def extended_value(kernel, theta, X, y):
    """`value` in numpy's longdouble (80 bits on x86), by a Cholesky factorisation in Python."""
    wide = {k: np.asarray(v, np.longdouble) for k, v in theta.items()}
    X, residual = X.astype(np.longdouble), y.astype(np.longdouble) - wide["mean"]
    K = kernel(wide, X, X) + wide["noise"] * np.eye(len(y), dtype=np.longdouble)
    factor, white = np.zeros_like(K), np.zeros_like(residual)
    for j in range(len(y)):
        column = K[j:, j] - factor[j:, :j] @ factor[j, :j]
        factor[j:, j] = column / np.sqrt(column[0])
        white[j] = (residual[j] - factor[j, :j] @ white[:j]) / factor[j, j]
    logdet = 2 * np.log(np.diagonal(factor)).sum()
    return float(-0.5 * (white @ white + logdet + len(y) * np.log(2 * np.pi)))


def gradient(kernel, theta, X, y):
    """Derivatives of `value` with respect to every entry of `theta`."""
    identity = np.eye(len(y))
    inverse = np.linalg.inv(kernel(theta, X, X) + theta["noise"] * identity)
    weights = inverse @ (y - theta["mean"])
    bilinear = 0.5 * (np.outer(weights, weights) - inverse)

    def along(name, index):
        if name == "mean":
            return weights.sum()
        moved = dict(theta)
        moved[name] = np.asarray(theta[name], complex)
        moved[name][index] += 1j * STEP
        K = kernel(moved, X, X) + moved["noise"] * identity
        return float((bilinear * K.imag).sum() / STEP)

    found = {}
    for name, entry in theta.items():
        shape = np.shape(entry)
        flat = [along(name, i) for i in np.ndindex(shape)]
        found[name] = np.reshape(flat, shape).tolist()
    return found


def predict(kernel, theta, X, y, X_new):
    """Mean and variance of the latent function at new points, (m,) each."""
    K = kernel(theta, X, X) + theta["noise"] * np.eye(len(y))
    cross = kernel(theta, X, X_new)
    mean = theta["mean"] + cross.T @ np.linalg.solve(K, y - theta["mean"])
    prior = np.diagonal(kernel(theta, X_new, X_new))
    return mean, prior - (cross * np.linalg.solve(K, cross)).sum(0)


def check(case, kernel, X, y, X_new=None, *, rtol=1e-9):
    """Assert that a case agrees with this module; return its largest relative difference."""
    pairs = [(case["value"], value(kernel, case["theta"], X, y))]
    slopes = gradient(kernel, case["theta"], X, y)
    assert slopes.keys() == case["gradient"].keys(), case["name"]
    largest = max(np.max(np.abs(g)) for g in slopes.values())
    pairs += [(case["gradient"][k], slopes[k], largest) for k in slopes]
    if X_new is not None:
        mean, latent = predict(kernel, case["theta"], X, y, X_new)
        pairs += [(case["mean"], mean), (case["latent_variance"], latent)]
    worst = max(_difference(*pair) for pair in pairs)
    assert worst < rtol, f"{case['name']}: {worst}"
    return worst


def _difference(stored, ours, size=None):
    stored, ours = np.asarray(stored), np.asarray(ours)
    return float(np.max(np.abs(stored - ours)) / (size or np.max(np.abs(ours))))


def write(name, content):
    """Store an oracle file; numbers keep all their digits."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size} bytes")
