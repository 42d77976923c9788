"""Estimators with the conventions of scikit-learn."""

from gpkit.estimators.regressor import GPRegressor as GPRegressor
from gpkit.estimators.selector import GPSelector as GPSelector
