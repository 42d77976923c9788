"""Ways of computing with a covariance. `Dense` is exact to rounding, `Iterative` matrix-free."""

from gpkit.solvers.base import AbstractFactor as AbstractFactor
from gpkit.solvers.base import AbstractSolver as AbstractSolver
from gpkit.solvers.dense import Dense as Dense
from gpkit.solvers.dense import DenseFactor as DenseFactor
from gpkit.solvers.iterative import Iterative as Iterative
from gpkit.solvers.iterative_factor import IterativeFactor as IterativeFactor
