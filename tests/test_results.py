"""Estimates: intervals, pairing, statuses through transformations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from gpkit.results import Estimate, Event, Status, silent, worst

RNG = np.random.default_rng(0)


def sampled(samples, key=(1, 2), bound=0.0, status=0):
    samples = jnp.asarray(samples)
    return Estimate(
        value=jnp.mean(samples),
        samples=samples,
        error_bound=jnp.asarray(bound),
        status=jnp.asarray(status, jnp.int32),
        key_id=jnp.asarray(key, jnp.uint32),
    )


# ----------------------------------------------------------------------- interval


@pytest.mark.parametrize("m", [2, 4, 10, 100])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999, 0.99999])
def test_interval_is_students_for_symmetric_samples(m, level):
    half = RNG.normal(size=m // 2)
    samples = 3 + np.concatenate([half, -half])
    low, high = sampled(samples, bound=0.25).interval(level)
    reference = scipy.stats.t.interval(
        level, m - 1, loc=samples.mean(), scale=scipy.stats.sem(samples)
    )
    np.testing.assert_allclose(low, reference[0] - 0.25, rtol=1e-9)
    np.testing.assert_allclose(high, reference[1] + 0.25, rtol=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("m", [3, 10])
def test_skewed_samples_move_the_interval_to_their_long_side(m, sign):
    """Hall's transformation of the t statistic, inverted here by a root finder."""
    samples = sign * np.geomspace(0.1, 10, m)
    low, high = sampled(samples).interval(0.95)
    mean, stderr = samples.mean(), scipy.stats.sem(samples)
    g = scipy.stats.skew(samples, bias=False) / np.sqrt(m)
    t = scipy.stats.t.ppf(0.975, m - 1)

    def solved(quantile):
        def excess(t):
            return t + g * t**2 / 3 + g**2 * t**3 / 27 + g / 6 - quantile

        return scipy.optimize.brentq(excess, -1e3, 1e3)

    expected = mean - solved(t) * stderr, mean - solved(-t) * stderr
    np.testing.assert_allclose([low, high], expected, rtol=1e-8)
    longer, shorter = (high - mean, mean - low) if sign > 0 else (mean - low, high - mean)
    assert longer > 1.05 * t * stderr > 1.05 * shorter


@pytest.mark.parametrize("directions", [1, 2, 3, 10, 1000])
def test_intervals_of_chi_square_samples_are_honest(directions):
    """The law of quadratic forms with that many equal directions."""
    samples = np.random.default_rng(5).chisquare(directions, size=(4000, 10))
    lows, highs = jax.jit(jax.vmap(lambda x: sampled(x).interval(0.95)))(samples)
    share = np.mean((np.asarray(lows) <= directions) & (directions <= np.asarray(highs)))
    assert 0.93 <= share <= 0.97


def test_interval_without_samples_is_the_bound():
    estimate = Estimate.exact(3.0, error_bound=0.5)
    assert estimate.stderr == 0.0
    assert estimate.interval(0.99) == (2.5, 3.5)


def test_one_sample_says_nothing_of_its_error():
    estimate = sampled([3.0])
    assert estimate.stderr == jnp.inf
    low, high = estimate.interval()
    assert (low, high) == (-jnp.inf, jnp.inf)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5])
def test_level_is_a_probability(level):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        sampled([1.0, 2.0]).interval(level)


def test_interval_in_single_precision():
    samples = [1.0, 2.0, 4.0]
    low, high = sampled(jnp.asarray(samples, jnp.float32), bound=jnp.float32(0.0)).interval(0.95)
    reference = sampled(samples).interval(0.95)
    np.testing.assert_allclose([low, high], reference, rtol=1e-5)


def test_interval_passes_through_jit_and_vmap():
    samples = RNG.normal(size=(4, 6))
    stack = jax.vmap(sampled)(samples)
    lows, highs = jax.jit(jax.vmap(lambda e: e.interval(0.9)))(stack)
    for i in range(4):
        low, high = sampled(samples[i]).interval(0.9)
        np.testing.assert_allclose([lows[i], highs[i]], [low, high], rtol=1e-12)


# ------------------------------------------------------------------------ pairing


def test_same_probes_are_paired():
    noise = RNG.normal(size=20)
    a, b = sampled(5 + noise, bound=0.1, status=3), sampled(3 + noise, bound=0.2, status=10)
    difference = a - b
    np.testing.assert_allclose(difference.value, 2.0, rtol=1e-13)
    np.testing.assert_allclose(difference.samples, 2.0, rtol=1e-12)
    np.testing.assert_allclose(difference.error_bound, 0.3, rtol=1e-13)
    assert difference.stderr < 1e-12
    assert difference.status == 10
    np.testing.assert_array_equal(difference.key_id, a.key_id)
    total = a + b
    np.testing.assert_allclose(total.value, a.value + b.value, rtol=1e-13)
    np.testing.assert_allclose(total.stderr, 2 * a.stderr, rtol=1e-12)


@pytest.mark.parametrize(
    ("m", "key"), [(20, (1, 3)), (12, (1, 2)), (20, ())], ids=["key", "count", "no key"]
)
def test_other_probes_add_in_quadrature(m, key):
    a, b = sampled(RNG.normal(size=20)), sampled(4 + 3 * RNG.normal(size=m), key=key)
    for combined, sign in ((a - b, -1.0), (a + b, 1.0), (b - a, -1.0)):
        np.testing.assert_allclose(combined.stderr, np.hypot(a.stderr, b.stderr), rtol=1e-12)
        # Degrees of freedom of the smaller sample: never too narrow.
        assert combined.samples.shape[0] == min(m, 20)
        assert sign in (-1.0, 1.0)
    np.testing.assert_allclose((a - b).value, a.value - b.value, rtol=1e-13)
    np.testing.assert_allclose(jnp.mean((a - b).samples), (a - b).value, rtol=1e-12)


def test_probes_without_key_are_never_paired():
    noise = RNG.normal(size=20)
    a, b = sampled(noise, key=()), sampled(noise, key=())
    np.testing.assert_allclose((a - b).stderr, np.sqrt(2) * a.stderr, rtol=1e-12)


def test_exact_and_sampled():
    a, b = sampled(RNG.normal(size=20)), Estimate.exact(1.5, error_bound=0.2)
    for combined in (a - b, a + b, b - a):
        np.testing.assert_allclose(combined.stderr, a.stderr, rtol=1e-12)
        np.testing.assert_array_equal(combined.key_id, a.key_id)
    np.testing.assert_allclose((b - a).value, 1.5 - a.value, rtol=1e-13)
    np.testing.assert_allclose((b - a).samples, -a.samples)
    both = b - Estimate.exact(1.0, error_bound=0.3)
    assert both.stderr == 0.0
    assert both.interval() == (0.0, 1.0)


def test_under_jit_errors_add_in_quadrature():
    """Keys are not known while tracing, so that no pairing is assumed."""
    noise = RNG.normal(size=20)
    a, b = sampled(noise), sampled(noise + 1)
    difference = jax.jit(lambda a, b: a - b)(a, b)
    np.testing.assert_allclose(difference.value, -1.0, rtol=1e-12)
    np.testing.assert_allclose(difference.stderr, np.sqrt(2) * a.stderr, rtol=1e-12)


def test_only_the_value_carries_a_gradient():
    def f(x):
        estimate = Estimate(
            value=x**2,
            samples=x * jnp.array([1.0, 2.0, 4.0]),
            error_bound=jnp.asarray(0.0),
            status=jnp.asarray(0, jnp.int32),
            key_id=jnp.zeros((0,), jnp.uint32),
        )
        exact = Estimate.exact(x**3, error_bound=x)
        return estimate.value + estimate.stderr + exact.value + exact.error_bound

    np.testing.assert_allclose(jax.grad(f)(2.0), 4.0 + 12.0, rtol=1e-14)


def test_repr():
    assert repr(Estimate.exact(2.0, error_bound=1e-9)) == "Estimate(2, bound 1e-09, SUCCESS)"
    assert repr(sampled([1.0, 2.0, 3.0], status=4)).startswith("Estimate(2 +- 0.58, bound")
    seen = []
    eqx.filter_jit(lambda e: seen.append(repr(e)))(Estimate.exact(2.0))
    assert seen[0].startswith("Estimate(")


# ------------------------------------------------------------------------- status


def test_every_status_has_advice():
    for status in Status:
        assert status.advice.endswith(".")
    assert [s for s in Status if not s.usable] == [
        Status.STAGNATED,
        Status.INDEFINITE,
        Status.BREAKDOWN,
        Status.NOT_POSITIVE_DEFINITE,
        Status.NON_FINITE,
    ]


def test_worst_is_the_largest_through_jit_and_vmap():
    assert worst(Status.SUCCESS, Status.JITTER_ADDED) == Status.JITTER_ADDED
    codes = jnp.array([0, 4, 10], jnp.int32)
    assert jax.jit(worst)(codes, 3) == Status.MAX_STEPS
    rows = jax.vmap(lambda c: worst(c, Status.RITZ_CLIPPED))(codes)
    assert [Status(int(r)) for r in rows] == [
        Status.RITZ_CLIPPED,
        Status.JITTER_ADDED,
        Status.MAX_STEPS,
    ]
    assert rows.dtype == jnp.int32


def test_events_are_taken_in_silence():
    assert silent(Event("fit", 1, 10, -3.0)) is None
