"""scikit-learn's own checks of its conventions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from gpkit import GPRegressor, GPSelector

QUICK = {"n_restarts": 0, "max_steps": 20}


@pytest.mark.slow
# Twenty steps do not converge, and the estimators say so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GPRegressor(**QUICK), GPSelector(["rbf"], **QUICK)])
def test_conventions(estimator, check):
    check(estimator)
