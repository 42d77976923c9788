import numpy as np
import pytest

from gpkit import kernels as gk

CITIES = np.array([0, 1, 2, 1, 0])
ONE_HOT = np.eye(3)[CITIES]


def test_exchangeable_is_one_among_equals_and_rho_otherwise():
    same = CITIES[:, None] == CITIES[None, :]
    for X in (CITIES[:, None], ONE_HOT, (ONE_HOT - 0.4) / 0.3):
        np.testing.assert_allclose(gk.Exchangeable(0.3)(X), np.where(same, 1.0, 0.3), rtol=1e-15)


def test_one_mismatch_counts_two_over_one_hot_columns():
    coded, one_hot = gk.Hamming(1.4)(CITIES[:, None]), gk.Hamming(1.4)(ONE_HOT)
    np.testing.assert_allclose(one_hot, coded**2, rtol=1e-14)
    np.testing.assert_allclose(coded[0, 1], np.exp(-1 / 1.4), rtol=1e-14)


def test_exchangeable_compares_all_columns_at_once():
    X = np.array([[0, 0], [0, 1], [1, 1], [0, 0]])
    expected = np.full((4, 4), 0.3)
    np.fill_diagonal(expected, 1.0)
    expected[0, 3] = expected[3, 0] = 1.0
    np.testing.assert_allclose(gk.Exchangeable(0.3)(X), expected, rtol=1e-15)


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.2, 1.2])
def test_rho_lies_inside_the_unit_interval(wrong):
    with pytest.raises(ValueError, match="strictly between"):
        gk.Exchangeable(wrong)
