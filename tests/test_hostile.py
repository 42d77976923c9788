"""Hostile inputs through the estimators: the right finite answer or a clear error, never else."""

import warnings

import mpmath
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from gpkit import GPRegressor, GPSelector
from gpkit import kernels as gk
from tests.hostile_cases import EQUAL, REFUSED, REFUSED_NEW, X, Y

# One kernel and no tuning: what goes in and out is looked at, and little is compiled.
STILL = {"kernel": gk.Matern52(1.5), "optimizer": None, "prior": None, "random_state": 0}


def moments(estimator, new):
    return np.stack(estimator.predict(new, return_std=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_regression_problem_is_refused(name):
    case = REFUSED[name]
    with pytest.raises((ValueError, TypeError), match=case.message):
        GPRegressor(**STILL).fit(case.X, case.y)


@pytest.mark.parametrize("name", EQUAL)
def test_a_problem_in_disguise_has_the_answer_of_the_plain_one(name):
    case = EQUAL[name]
    known, target, new = case.plain
    expected = moments(GPRegressor(**STILL).fit(known, target), new)
    mean, std = moments(GPRegressor(**STILL).fit(case.X, case.y), case.new)
    spread = np.std(np.asarray(target, float))
    tol = case.rtol * spread
    # A mean near a large offset has no more digits than that offset.
    near = tol + np.spacing(abs(case.offset))
    np.testing.assert_allclose((mean - case.offset) / case.scale, expected[0], atol=near, rtol=0)
    np.testing.assert_allclose(std / case.scale, expected[1], atol=tol, rtol=0)


@pytest.fixture(scope="module")
def fitted():
    return GPRegressor(**STILL).fit(X, Y)


@pytest.mark.parametrize("name", REFUSED_NEW)
def test_new_rows_that_do_not_fit_are_refused(fitted, name):
    case = REFUSED_NEW[name]
    with pytest.raises((ValueError, TypeError), match=case.message):
        fitted.predict(case.new)


@pytest.mark.parametrize("distance", [1e3, 1e6, 1e100, 1e300])
def test_far_from_all_rows_the_prior_is_predicted(fitted, distance):
    mean, std = moments(fitted, np.array([[distance, 0.0], [-distance, distance]]))
    np.testing.assert_allclose(mean, Y.mean(), rtol=1e-12)
    np.testing.assert_allclose(std, Y.std() * np.sqrt(1.0 + 0.1), rtol=1e-12)


def test_beyond_all_numbers_the_place_is_told(fitted):
    small = GPRegressor(**STILL).fit(X * 1e-300, Y)
    with pytest.raises(ValueError, match=r"spread contains infinity: column 'x0', row 0"):
        small.predict([[1e300, 0.0]])


def exact(rows, y, new, noise):
    """Mean and standard deviation of a Matern-5/2 process by mpmath, 60 digits."""
    mpmath.mp.dps = 60
    n = len(rows)

    def kernel(a, b):
        r = mpmath.sqrt(5 * sum((mpmath.mpf(u) - v) ** 2 for u, v in zip(a, b, strict=True))) / 1.5
        return (1 + r + r * r / 3) * mpmath.exp(-r)

    H = mpmath.matrix(n, n)
    for i in range(n):
        for j in range(n):
            H[i, j] = kernel(rows[i], rows[j]) + (noise if i == j else 0)
    solution = mpmath.lu_solve(H, mpmath.matrix(list(map(mpmath.mpf, y))))
    found = []
    for row in new:
        k = mpmath.matrix([kernel(row, r) for r in rows])
        variance = 1 + noise - (k.T * mpmath.lu_solve(H, k))[0]
        found.append((float((k.T * solution)[0]), float(mpmath.sqrt(variance))))
    return np.array(found).T


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "y"),
    [
        (np.r_[X[:8], X[:8]], np.r_[Y[:8], Y[:8]]),
        (np.r_[X[:8], X[:8]], np.r_[Y[:8], -Y[:8]]),
        (np.r_[X[:8], X[:8] + 1e-9], np.r_[Y[:8], Y[:8] + 1e-9]),
        (np.tile(X[:2], (10, 1)), np.arange(20.0)),
        (X[:2], Y[:2]),
        (RNG_WIDE := np.random.default_rng(3).normal(size=(5, 40)), np.arange(5.0)),
    ],
    ids=["twice", "twice, in conflict", "nearly twice", "two places", "two rows", "d > n"],
)
def test_rows_that_nearly_coincide_against_sixty_digits(rows, y):
    found = GPRegressor(**STILL).fit(rows, y)
    new = rows[:3] + 0.1
    Z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    N = (new - rows.mean(axis=0)) / rows.std(axis=0)
    z = (y - y.mean()) / y.std()
    mean, std = exact(Z, z, N, mpmath.mpf(0.1))
    np.testing.assert_allclose(
        moments(found, new), [y.mean() + y.std() * mean, y.std() * std], rtol=1e-9, atol=1e-12
    )


# A fit on what is hard to fit: finite and sane, whatever it says of convergence.
HARD = {
    "duplicates in conflict": (np.r_[X[:10], X[:10]], np.r_[Y[:10], -Y[:10]]),
    "duplicates without noise": (np.r_[X[:10], X[:10]], np.r_[Y[:10], Y[:10]]),
    "constant target": (X, np.full(20, -4.0)),
    "target constant but for rounding": (X, 0.1 * np.r_[np.ones(19), 1 + 2e-16]),
    "one outlier of 1e15": (X, np.r_[Y[:19], 1e15]),
    "one spike": (X, np.r_[np.zeros(19), 1.0]),
    "pure noise": (X, np.random.default_rng(5).normal(size=20)),
    "a straight line": (X, X @ [2.0, -1.0]),
    "two clusters far apart": (np.r_[X[:10], X[10:] + 1e6], Y),
    "an outlier in X": (np.r_[X[:19], [[1e9, 0.0]]], Y),
    "one column": (X[:, :1], Y),
    "collinear columns": (np.c_[X[:, 0], 3 * X[:, 0]], Y),
    "scales 1e-200 and 1e300": (X * [1e-200, 1e300], Y * 1e250),
    "steps": (X, np.sign(X[:, 0])),
    "integers": (np.round(3 * X), np.round(5 * Y)),
}


@pytest.mark.parametrize("name", HARD)
def test_fits_of_hard_tables_are_finite_and_sane(name):
    rows, y = HARD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GPRegressor("rbf", n_restarts=1, max_steps=30, random_state=0).fit(rows, y)
    mean, std = moments(found, rows)
    assert np.all(np.isfinite(mean))
    assert np.all(np.isfinite(std) & (std >= 0))
    assert np.isfinite(float(found.log_evidence_.value))
    # Within the rows, no prediction lies further out than the targets themselves do.
    reach = max(np.ptp(y), 1e-6 * np.abs(y).max())
    assert np.all(mean <= y.max() + reach)
    assert np.all(mean >= y.min() - reach)


@pytest.mark.slow
def test_a_selection_takes_the_same_tables():
    for name in ("duplicates in conflict", "constant target", "scales 1e-200 and 1e300"):
        rows, y = HARD[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = GPSelector(["rbf", "linear"], n_restarts=0, max_steps=30, random_state=0)
            found.fit(rows, y)
        assert np.all(np.isfinite(moments(found, rows)))
        assert np.isfinite(found.comparison_.table["log_evidence"]).all()


def test_there_are_at_least_sixty():
    assert len(REFUSED) + len(EQUAL) + len(REFUSED_NEW) + len(HARD) + 11 >= 100


# ------------------------------------------------------------------- scikit-learn beside it


def judged(make, name):
    """What an estimator does with a case: "refused", "right", "wrong", "not finite", "crash"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if name in REFUSED:
                made = make().fit(REFUSED[name].X, REFUSED[name].y)
                return "taken" if made is not None else ""
            if name in REFUSED_NEW:
                made = make().fit(X, Y)
                values = np.asarray(made.predict(REFUSED_NEW[name].new))
                return "taken" if np.all(np.isfinite(values)) else "not finite"
            case = EQUAL[name]
            known, target, new = case.plain
            expected = moments(make().fit(known, target), new)
            mean, std = moments(make().fit(case.X, case.y), case.new)
        except (ValueError, TypeError):
            return "refused"
        except Exception as error:
            return f"crash ({type(error).__name__})"
    with np.errstate(all="ignore"):
        found = np.stack([(mean - case.offset) / case.scale, std / case.scale])
    if not np.all(np.isfinite(found)):
        return "not finite"
    near = np.max(np.abs(found - expected)) <= 1e-3 * np.std(np.asarray(target, float))
    return "right" if near else "wrong"


@pytest.mark.slow
def test_table_beside_scikit_learn(capsys):
    def theirs():
        kernel = ConstantKernel() * RBF([1.0]) + WhiteKernel(0.1)
        return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)

    def ours():
        return GPRegressor("rbf", n_restarts=1, random_state=0)

    names = [*REFUSED, *REFUSED_NEW, *EQUAL]
    table = pd.DataFrame(
        {"gpkit": [judged(ours, n) for n in names], "sklearn": [judged(theirs, n) for n in names]},
        index=names,
    )
    with capsys.disabled():
        print(f"\n{table.to_string()}\n")
        print(table.apply(pd.Series.value_counts).fillna(0).astype(int).to_string())
    due = pd.Series({n: "right" if n in EQUAL else "refused" for n in names})
    assert table.index[table["gpkit"] != due].tolist() == []
