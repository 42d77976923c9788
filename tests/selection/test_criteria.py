"""Each criterion equals its formula; folds refit everything, their scale included."""

import math

import jax
import numpy as np
import pytest
from scipy import stats

import gpkit as gp
from gpkit import kernels as gk
from gpkit.data import kfold
from gpkit.defaults import default_prior
from gpkit.params import Fixed, log_prior, num_parameters
from gpkit.results import Status
from gpkit.selection import CRITERIA, Fold
from gpkit.selection.criteria import Scores, check_criterion, kfold_rows, make_folds, score

N = 24
RNG = np.random.default_rng(3)
X, KNOWN = RNG.normal(size=(N, 2)), RNG.uniform(0.01, 0.1, N)
Y = np.sin(2 * X) + 0.1 * RNG.normal(size=(N, 2))
MODEL = default_prior(
    gp.GP(1.2 * gk.RBF([0.7, 0.9]), gp.means.Constant([0.1, 0.2]), gp.noise.Gaussian(0.05)), 2
)


def total(criterion, scores):
    found, constant = CRITERIA[criterion](scores)
    assert found.shape == scores.evidence_rows.shape
    return float(np.sum(found) + constant)


def test_formulas():
    rng = np.random.default_rng(0)
    evidence, loo, folds = rng.normal(size=(3, 10))
    scores = Scores(evidence, loo, folds, -1.7, 4, 0.1, Status.SUCCESS, 10)
    expected = {
        "evidence": evidence.sum(),
        "map": evidence.sum() - 1.7,
        "bic": evidence.sum() - 0.5 * 4 * math.log(10),
        "aic": evidence.sum() - 4,
        "loo": loo.sum(),
        "kfold": folds.sum(),
    }
    assert CRITERIA.keys() == expected.keys()
    for name, wanted in expected.items():
        assert total(name, scores) == pytest.approx(wanted, rel=1e-14)


def test_unknown_criteria_are_listed():
    assert check_criterion("loo") == "loo"
    with pytest.raises(ValueError, match=r"one of evidence, map, .*kfold; got 'waic'"):
        check_criterion("waic")


@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["one target", "two targets"])
def test_row_scores_of_a_model(y):
    model = MODEL if y.ndim == 2 else gp.replace(MODEL, "mean", gp.means.Constant(0.1))
    result = gp.fit(model, X, y, optimizer=None, noise_variance=KNOWN)
    found = score(result, X, y, noise_variance=KNOWN)
    assert found.evidence_rows.shape == found.loo_rows.shape == (N,)
    evidence = gp.log_evidence(model, X, y, noise_variance=KNOWN)
    assert total("evidence", found) == pytest.approx(float(evidence.value), rel=1e-12)
    nlpd = gp.leave_one_out_nlpd(model, X, y, noise_variance=KNOWN)
    assert total("loo", found) == pytest.approx(-float(nlpd.value), rel=1e-12)
    assert found.log_prior == pytest.approx(float(log_prior(model)), rel=1e-14)
    assert found.num_parameters == num_parameters(model)
    assert np.all(np.isnan(found.kfold_rows))
    assert found.error_bound == result.error_bound > 0
    assert found.status == Status.SUCCESS
    # The worse of two statuses: of the fit, and of the posterior that was scored.
    stopped = result._replace(status=Status.MAX_STEPS)
    assert score(stopped, X, y, noise_variance=KNOWN).status == Status.MAX_STEPS


def test_fixed_parameters_are_not_counted():
    fixed = gp.GP(1.2 * gk.RBF(Fixed(0.7)), noise=gp.noise.Gaussian(0.05))
    result = gp.fit(fixed, X, Y[:, 0], optimizer=None)
    assert score(result, X, Y[:, 0]).num_parameters == 2


def test_a_model_without_a_factor_scores_no_number():
    negative = gp.GP(gk.Function(lambda x, z, p: -(x @ z)), noise=gp.noise.NoNoise())
    found = score(gp.fit(negative, X, Y[:, 0]), X, Y[:, 0])
    assert not found.status.usable
    assert np.isnan(total("evidence", found))


# --------------------------------------------------------------------------------- folds


def test_folds_cover_every_row_once():
    folds = make_folds(X, Y, 5, 0, noise_variance=KNOWN)
    assert sorted(np.concatenate([f.rows for f in folds]).tolist()) == list(range(N))
    for fold, split in zip(folds, kfold(N, 5, seed=0), strict=True):
        np.testing.assert_array_equal(fold.X, X[split.train])
        np.testing.assert_array_equal(fold.y_test, Y[split.test])
        np.testing.assert_array_equal(fold.noise_variance, KNOWN[split.train])
        np.testing.assert_array_equal(fold.noise_test, KNOWN[split.test])
        assert fold.log_scale == 0


def test_scores_of_folds_are_those_of_refits_by_hand():
    y = Y[:, 0]
    model = gp.replace(MODEL, "mean", gp.means.Constant(0.1))
    folds = make_folds(X, y, 3, 1, noise_variance=KNOWN)
    # One fold is in other units: its densities are brought back.
    scaled = folds[1]._replace(y=folds[1].y / 5, y_test=folds[1].y_test / 5, log_scale=math.log(5))
    scaled = scaled._replace(noise_variance=folds[1].noise_variance / 25)
    scaled = scaled._replace(noise_test=folds[1].noise_test / 25)
    folds = [folds[0], scaled, folds[2]]
    found = kfold_rows(model, folds, N, max_steps=8)
    for fold in folds:
        refit = gp.fit(model, fold.X, fold.y, noise_variance=fold.noise_variance, max_steps=8).model
        post = gp.condition(refit, fold.X, fold.y, noise_variance=fold.noise_variance)
        mean, variance = post.predict(fold.X_test, noise_variance=fold.noise_test)
        scale = math.exp(fold.log_scale)
        expected = stats.norm.logpdf(
            scale * fold.y_test, scale * np.asarray(mean), scale * np.sqrt(variance)
        )
        np.testing.assert_allclose(found[fold.rows], expected, rtol=1e-9)


def test_targets_of_a_fold_are_summed():
    fold = make_folds(X, Y, 3, 1)[0]
    found = kfold_rows(MODEL, [fold], N, max_steps=3)
    refit = gp.fit(MODEL, fold.X, fold.y, max_steps=3).model
    mean, variance = gp.condition(refit, fold.X, fold.y).predict(fold.X_test)
    expected = stats.norm.logpdf(fold.y_test, mean, np.sqrt(variance)).sum(axis=1)
    np.testing.assert_allclose(found[fold.rows], expected, rtol=1e-9)
    # What no fold tested is not scored.
    others = np.setdiff1d(np.arange(N), fold.rows)
    assert np.all(np.isnan(found[others]))


def test_a_fold_that_fails_is_told_from_one_that_was_not_computed():
    negative = gp.GP(gk.Function(lambda x, z, p: -jax.numpy.sum(x * z)), noise=gp.noise.NoNoise())
    folds = [Fold(X[:20], Y[:20, 0], X[20:], Y[20:, 0], np.arange(20, N))]
    found = kfold_rows(negative, folds, N, max_steps=1)
    assert np.all(found[20:] == -np.inf)
