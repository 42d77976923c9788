"""From row scores to a decision, and stacking weights against a grid over the simplex."""

import itertools

import numpy as np
import pytest

from gpkit.selection.decision import differences, paired_stderr, stacking_weights

N = 50
# Zero sum, standard deviation (divisor n - 1) of one.
WAVE = np.resize([1.0, -1.0], N) * np.sqrt((N - 1) / N)


def rows(total, spread=0.0):
    """Scores of N rows with a given sum and, against zero rows, a given standard error."""
    return total / N + spread * WAVE / np.sqrt(N)


def decide(gap, stderr, bounds=(0.0, 0.0)):
    best, other = differences([rows(0.0), rows(-gap, stderr)], [0.0, 0.0], list(bounds))
    assert best == (0.0, 0.0, "best")
    assert other.delta == pytest.approx(-gap)
    assert other.stderr == pytest.approx(stderr, abs=1e-9)
    return other.decision


@pytest.mark.parametrize(
    ("gap", "stderr", "bounds", "decision"),
    [
        (10.0, 1.0, (0, 0), "worse"),
        (2.1, 1.0, (0, 0), "worse"),
        (1.9, 1.0, (0, 0), "undecided"),
        (10.0, 6.0, (0, 0), "undecided"),
        # Less than a nat is never decided, however sure it is.
        (0.99, 1e-6, (0, 0), "undecided"),
        (0.99, 0.0, (0, 0), "undecided"),
        (1.01, 1e-6, (0, 0), "worse"),
        # The numerical error of both models counts.
        (2.1, 1.0, (0.2, 0), "undecided"),
        (2.1, 1.0, (0, 0.2), "undecided"),
        (2.5, 1.0, (0.2, 0.2), "worse"),
        (5.0, 0.0, (np.inf, 0), "undecided"),
        (5.0, 0.0, (np.nan, 0), "undecided"),
        (0.0, 0.0, (0, 0), "undecided"),
    ],
)
def test_table_of_decisions(gap, stderr, bounds, decision):
    assert decide(gap, stderr, bounds) == decision


def test_standard_error_is_that_of_the_pairs():
    rng = np.random.default_rng(0)
    a, shared = rng.normal(size=N), 100 * rng.normal(size=N)
    expected = np.sqrt(N) * np.std(a, ddof=1)
    assert paired_stderr(a + shared, shared) == pytest.approx(expected)
    assert paired_stderr(a, a) == 0
    assert paired_stderr(a[:1], a[:1]) == np.inf


def test_standard_error_is_that_of_a_sum_over_fresh_rows():
    """Sums of N independent differences spread by as much as one sample says."""
    draws = 0.7 * np.random.default_rng(1).standard_t(8, size=(4000, N))
    found = np.mean([paired_stderr(d, np.zeros(N)) for d in draws])
    assert found == pytest.approx(draws.sum(axis=1).std(), rel=0.05)


def test_constants_move_totals_not_standard_errors():
    found = differences([rows(0.0), rows(0.0, 1.0)], [0.0, 4.0], [0.0, 0.0])
    assert [d.decision for d in found] == ["worse", "best"]
    assert found[0].delta == pytest.approx(-4.0)
    assert found[0].stderr == pytest.approx(1.0)


@pytest.mark.parametrize("score", [np.nan, -np.inf, np.inf])
def test_a_score_that_is_not_finite_has_failed(score):
    bad = rows(5.0)
    bad[3] = score
    found = differences([bad, rows(0.0), rows(-9.0)], [0.0] * 3, [0.0] * 3)
    assert [d.decision for d in found] == ["failed", "best", "worse"]
    assert np.isnan(found[0].delta)
    assert [d.decision for d in differences([bad, bad], [0.0] * 2, [0.0] * 2)] == ["failed"] * 2


# ------------------------------------------------------------------------------ stacking


def value(densities, weights):
    """Mean log density of the mixture; the densities themselves are far below any float."""
    top = densities.max(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.mean(np.log(np.exp(densities - top) @ weights) + top[:, 0])


def simplex(k, parts):
    for cuts in itertools.combinations(range(parts + k - 1), k - 1):
        edges = np.array([-1, *cuts, parts + k - 1])
        yield (np.diff(edges) - 1) / parts


def log_densities(k, seed):
    """Rows that each like another model best."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(60, k)) + rng.normal(scale=0.3, size=k) - 2000


@pytest.mark.parametrize(("k", "parts"), [(2, 1000), (3, 120)])
@pytest.mark.parametrize("seed", range(4))
def test_weights_are_the_best_of_the_simplex(k, parts, seed):
    densities = log_densities(k, seed)
    weights = stacking_weights(densities)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(weights >= 0)
    best = max(simplex(k, parts), key=lambda w: value(densities, w))
    np.testing.assert_allclose(weights, best, atol=1.5 / parts + 1e-3)
    assert value(densities, weights) >= value(densities, best) - 1e-9


def test_a_model_that_is_never_better_gets_nothing():
    densities = log_densities(3, 0)
    densities[:, 1] = densities[:, 0] - 0.5
    assert stacking_weights(densities)[1] < 1e-3


def test_a_failed_model_gets_nothing_and_spoils_nothing():
    densities = log_densities(3, 1)
    densities[7, 1] = np.nan
    weights = stacking_weights(densities)
    assert weights[1] == 0
    np.testing.assert_allclose(weights[[0, 2]], stacking_weights(densities[:, [0, 2]]), atol=1e-9)
    densities[0, 0] = -np.inf
    np.testing.assert_array_equal(stacking_weights(densities), [0, 0, 1])
    np.testing.assert_array_equal(stacking_weights(np.full((5, 2), np.nan)), [0, 0])


def test_a_model_alone_gets_everything():
    np.testing.assert_array_equal(stacking_weights(log_densities(1, 0)), [1.0])
