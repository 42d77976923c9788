"""Ways of computing with a covariance. `Dense` is exact to rounding."""

from gpkit.solvers.base import AbstractFactor as AbstractFactor
from gpkit.solvers.base import AbstractSolver as AbstractSolver
from gpkit.solvers.dense import Dense as Dense
from gpkit.solvers.dense import DenseFactor as DenseFactor
