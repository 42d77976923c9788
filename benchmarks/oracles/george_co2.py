r"""The log likelihood of george's tutorial on Mauna Loa CO2, and its gradient.

Source: george, documentation, "Hyperparameter optimization" (docs/tutorials/hyper.rst),
kernel and start values after Rasmussen & Williams (2006), section 5.4.3. The two versions of
that page print -608.938634447 and -608.938634448; their gradients differ in the eighth digit
of one entry. Printed numbers are stored as they stand, beside an independent dense result. The
covariance has condition number 5.6e7: float64 fixes the value to about 1e-10 relative.

    python -m benchmarks.oracles.george_co2 datasets/co2_weekly.csv
"""

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np

from benchmarks.oracles import dense

PRINTED_VALUE = -608.938634447
PRINTED_GRADIENT = [1.20325990e-02, 5.65011826e02, 4.94824823e-02, -1.20640197e00, 3.33835864e00]
PRINTED_GRADIENT += [2.43343814e-01, 7.10415081e00, -5.38311429e03, 1.96801995e01, -2.05383850e01]
PRINTED_GRADIENT += [-5.36816015e01, -1.32619973e-02, -6.14334711e-03]

START = {
    "v1": 66.0**2, "m1": 67.0**2, "v2": 2.4**2, "m2": 90.0**2, "gamma": 2 / 1.3**2, "period": 1.0,
    "v3": 0.66**2, "alpha": 0.78, "m3": 1.2**2, "v4": 0.18**2, "m4": 1.6**2, "noise": 0.19**2,
}  # fmt: skip

# george's order; it takes the logarithm of every entry but the mean and gamma.
ORDER = ["mean", "noise", "v1", "m1", "v2", "m2", "gamma", "period"]
ORDER += ["v3", "alpha", "m3", "v4", "m4"]


def kernel(theta, X, Z):
    """The four terms; m1 to m4 are squared lengthscales."""
    r = X - Z.T
    trend = theta["v1"] * np.exp(-0.5 * r**2 / theta["m1"])
    season = theta["gamma"] * np.sin(np.pi * r / theta["period"]) ** 2
    seasonal = theta["v2"] * np.exp(-0.5 * r**2 / theta["m2"] - season)
    base = 1 + r**2 / (2 * theta["alpha"] * theta["m3"])
    medium = theta["v3"] * np.exp(-theta["alpha"] * np.log(base))
    return trend + seasonal + medium + theta["v4"] * np.exp(-0.5 * r**2 / theta["m4"])


def load(path):
    """Years and concentrations: weeks with a value, before 1996, every fourth of them.

    t = 2000 + (Julian date - 2451545) / 365.25 with the Julian date of midnight.
    """
    with Path(path).open(newline="") as file:
        rows = [(r["date"], r["co2"]) for r in csv.DictReader(file) if r["co2"]]
    origin = datetime.date(2000, 1, 1)
    days = [(_date(text) - origin).days - 0.5 for text, _ in rows]
    t = 2000 + np.array(days) / 365.25
    y = np.array([float(value) for _, value in rows])
    early = t < 1996
    return t[early][::4], y[early][::4]


def _date(text):
    digits = text.replace("-", "")
    return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="co2_weekly.csv")
    t, y = load(parser.parse_args().path)
    theta = {**START, "mean": float(np.mean(y))}
    value = dense.value(kernel, theta, t[:, None], y)
    wide = dense.extended_value(kernel, theta, t[:, None], y)
    natural = dense.gradient(kernel, theta, t[:, None], y)
    ours = [natural[k] * (1 if k in ("mean", "gamma") else theta[k]) for k in ORDER]
    print(f"n = {len(y)}, float64 {value:.9f}, extended {wide:.9f}, printed {PRINTED_VALUE:.9f}")
    for name, a, b in zip(ORDER, ours, PRINTED_GRADIENT, strict=True):
        print(f"{name:>7} {a: .8e} {b: .8e} {abs(a / b - 1):.1e}")
    assert abs(value / PRINTED_VALUE - 1) < 1e-9
    assert abs(wide / PRINTED_VALUE - 1) < 1e-10
    assert np.allclose(ours, PRINTED_GRADIENT, rtol=2e-7, atol=0)
    dense.write("george_co2", {
        "source": "george (Foreman-Mackey, MIT), docs/tutorials/hyper.rst: printed numbers",
        "script": "benchmarks/oracles/george_co2.py",
        "data": "co2_weekly.csv: rows with a value, t = 2000 + (days since 2000-01-01 - 0.5) / "
        "365.25 < 1996, every fourth row; n = 478; not centred, constant mean = mean of y",
        "n": len(y), "mean_of_y": theta["mean"], "start": START,
        "kernel": "v1 exp(-r^2/2m1) + v2 exp(-r^2/2m2 - gamma sin^2(pi r/period)) "
        "+ v3 (1 + r^2/(2 alpha m3))^-alpha + v4 exp(-r^2/2m4) + noise",
        "order": ORDER,
        "gradient_with_respect_to": "log of each entry, but mean and gamma themselves",
        "value": PRINTED_VALUE, "gradient": PRINTED_GRADIENT,
        "extended_precision_value": wide, "independent_gradient": ours,
        "published_optimum": -299.16486543,
    })  # fmt: skip


if __name__ == "__main__":
    main()
