"""What a fit will cost, and how many rows it may use: the same on every machine."""

import numpy as np
import pytest

from gpkit.fitting.budget import plan_dense, plan_fit, predicted_seconds, subset
from gpkit.operators.memory import parse_memory


def test_within_both_ceilings_all_rows_are_used():
    plan = plan_dense(500, 8, num_fits=5)
    assert plan.n == plan.rows == plan.posterior_rows == 500
    assert plan.reasons == ()
    assert plan.bytes == 4 * 8 * 500**2
    assert plan.seconds == plan.seconds_all == predicted_seconds(500, 8, 5)
    assert plan.summary() == f"500 rows, about 8 MB and {plan.seconds:.0f} s"


@pytest.mark.parametrize(
    ("n", "size"), [(3, "1 KB"), (30, "28 KB"), (400, "5 MB"), (9000, "2.4 GB")]
)
def test_sizes_are_never_zero(n, size):
    assert f"about {size} and " in plan_dense(n, 2, num_fits=1, seconds=1e9).summary()


def test_memory_limits_rows_of_fit_and_posterior():
    plan = plan_dense(20_000, 8, num_fits=1, memory="1GB", seconds=1e9)
    assert plan.rows == plan.posterior_rows == int(np.sqrt(2**30 / 32))
    assert plan.bytes <= 2**30
    assert "subset of 5792 rows to stay within memory" in plan.summary()
    assert "predictions use 5792 rows" in plan.summary()


def test_seconds_limit_rows_of_the_fit_alone():
    plan = plan_dense(5000, 8, num_fits=10, seconds=30)
    assert 256 < plan.rows < 5000
    assert plan.posterior_rows == 5000
    assert plan.seconds <= 30 < plan.seconds_all
    assert f"seeded subset of {plan.rows} rows to stay within 30 s of work" in plan.summary()
    # The next larger subset would not do.
    assert predicted_seconds(int(plan.rows / 0.95) + 1, 8, 10) > 30


def test_few_rows_are_never_cut_for_time():
    assert plan_dense(200, 8, num_fits=100, seconds=1e-3).rows == 200
    assert 240 < plan_dense(5000, 8, num_fits=100, seconds=1e-3).rows <= 256


def test_cost_grows_with_everything():
    base = predicted_seconds(1000, 8, 3)
    assert predicted_seconds(2000, 8, 3) > 4 * (base - 2)
    assert predicted_seconds(1000, 80, 3) > base
    assert predicted_seconds(1000, 8, 6) - 2 == pytest.approx(2 * (base - 2))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2**31),
        ("1.5 gb", 3 * 2**29),
        (" 500 MB ", 500 * 2**20),
        ("64kb", 2**16),
        ("1TB", 2**40),
        (1000, 1000),
        ("1000", 1000),
    ],
)
def test_sizes(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "lots", "2GiB", "-1GB", 0, "0MB", "1.2.3GB", "nan"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="memory must be bytes or a size such as '2GB'"):
        parse_memory(text)


def test_subset_is_seeded_sorted_and_without_repeats():
    rows = subset(1000, 100, 3)
    assert len(np.unique(rows)) == 100
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, subset(1000, 100, 3))
    assert not np.array_equal(rows, subset(1000, 100, 4))
    np.testing.assert_array_equal(subset(10, 10, 0), np.arange(10))


def test_memory_is_four_gigabytes_unless_said():
    plan = plan_dense(10**5, 4, num_fits=1, seconds=1e9)
    assert plan == plan_dense(10**5, 4, num_fits=1, seconds=1e9, memory="4GB")
    assert plan.rows < 10**5


def test_the_iterative_solver_takes_over_where_rows_would_be_cut():
    assert plan_fit(2000, 8, num_fits=5) == plan_dense(2000, 8, num_fits=5)
    plan = plan_fit(20_000, 8, num_fits=5)
    assert (plan.solver, plan.rows, plan.posterior_rows) == ("iterative", 20_000, 20_000)
    assert plan.bytes <= 2**32
    assert 20 < plan.seconds < 3600 < plan.seconds_all
    assert "fitted on all 20000 rows by the iterative solver, tiles stored" in plan.summary()
    assert "recomputed" in plan_fit(50_000, 8, num_fits=5).summary()


def test_where_that_would_take_too_long_rows_are_cut_and_it_is_said():
    short = plan_fit(20_000, 8, num_fits=5, seconds=20)
    assert (short.solver, short.rows < 20_000) == ("dense", True)
    assert "the iterative solver would need" in short.summary()
    small = plan_fit(20_000, 8, num_fits=5, memory="30MB")
    assert (small.solver, small.rows < 20_000) == ("dense", True)
    assert "MB" in small.reasons[-1]


def test_a_solver_that_was_asked_for_is_taken():
    assert plan_fit(20_000, 8, num_fits=5, solver="dense") == plan_dense(20_000, 8, num_fits=5)
    assert plan_fit(300, 8, num_fits=5, solver="iterative").solver == "iterative"
    slow = plan_fit(20_000, 8, num_fits=5, solver="iterative", seconds=1)
    assert (slow.solver, slow.rows) == ("iterative", 20_000)
    with pytest.raises(ValueError, match=r"the iterative solver needs .* raise memory"):
        plan_fit(20_000, 8, num_fits=5, solver="iterative", memory="1MB")
    with pytest.raises(ValueError, match="solver must be 'auto', 'dense' or 'iterative', got 'cg'"):
        plan_fit(100, 8, num_fits=5, solver="cg")


def test_more_kernels_and_targets_take_longer():
    plain = plan_fit(20_000, 8, num_fits=1)
    assert plan_fit(20_000, 8, num_fits=1, kernels=3).seconds > plain.seconds
    assert plan_fit(20_000, 8, num_fits=1, targets=8).seconds > plain.seconds
