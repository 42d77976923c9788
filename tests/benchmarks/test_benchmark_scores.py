"""Scores of the benchmarks: known values, orientation, agreement with the package's own."""

import math

import numpy as np
import pytest

from benchmarks.data import load_split
from benchmarks.scores import score
from gpkit import metrics


def test_known_values():
    found = score([0.0, 0.0], [0.0, 0.0], [1.0, 1.0])
    assert found["nlpd"] == pytest.approx(0.5 * math.log(2 * math.pi), rel=1e-14)
    # Expected |x| of a normal minus half the expected difference of two.
    assert found["crps"] == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), rel=1e-13)
    assert found["rmse"] == 0
    assert found["coverage90"] == 1


def test_crps_is_the_integral_of_the_squared_step():
    grid = np.linspace(-12, 14, 400_001)
    cdf = 0.5 * (1 + np.vectorize(math.erf)((grid - 0.7) / (1.9 * math.sqrt(2))))
    integral = np.trapezoid((cdf - (grid >= 2.0)) ** 2, grid)
    assert score([2.0], [0.7], [1.9])["crps"] == pytest.approx(integral, abs=1e-4)


def test_lower_is_better():
    y = np.linspace(-1, 1, 9)
    right, wrong = score(y, y + 0.1, np.full(9, 0.1)), score(y, y + 1.0, np.full(9, 0.1))
    assert all(right[name] < wrong[name] for name in ("nlpd", "rmse", "crps"))
    assert (right["coverage90"], wrong["coverage90"]) == (1, 0)


def test_scores_equal_the_metrics_of_the_package():
    rng = np.random.default_rng(0)
    y, mean, std = rng.normal(size=30), rng.normal(size=30), rng.uniform(0.1, 2, 30)
    found = score(y, mean, std)
    expected = {
        "nlpd": metrics.nlpd(y, mean, std),
        "rmse": metrics.rmse(y, mean),
        "crps": metrics.crps(y, mean, std),
        "coverage90": metrics.coverage(y, mean, std, level=0.9),
    }
    assert found == pytest.approx(expected, rel=1e-12)


def test_split_read_from_a_folder(tmp_path):
    folder = tmp_path / "uci" / "tiny"
    folder.mkdir(parents=True)
    np.savetxt(folder / "data.csv.gz", np.arange(12.0).reshape(4, 3), delimiter=",")
    masks = [[0, 1], [1, 0], [0, 1], [0, 0]]
    np.savetxt(folder / "test_mask.csv.gz", masks, fmt="%d", delimiter=",")
    split = load_split("uci/tiny", 1, tmp_path)
    assert split.X_test.tolist() == [[0, 1], [6, 7]]
    assert split.y_test.tolist() == [2, 8]
    assert split.X.tolist() == [[3, 4], [9, 10]]
    assert split.y.tolist() == [5, 11]


@pytest.mark.parametrize("folder", [None, "here"])
def test_missing_data_say_what_to_do(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--data-dir|no folder uci/none"):
        load_split("uci/none", 0, folder and tmp_path)
