"""Ways of computing with a covariance: `Dense`, exact to rounding, `Iterative`, matrix-free, and
`Auto`, which takes one of them.
"""

from gpkit.solvers.auto import Auto as Auto
from gpkit.solvers.auto import Choice as Choice
from gpkit.solvers.auto import Option as Option
from gpkit.solvers.auto import choose as choose
from gpkit.solvers.base import AbstractFactor as AbstractFactor
from gpkit.solvers.base import AbstractSolver as AbstractSolver
from gpkit.solvers.deferred import DeferredFactor as DeferredFactor
from gpkit.solvers.dense import Dense as Dense
from gpkit.solvers.dense import DenseFactor as DenseFactor
from gpkit.solvers.iterative import Iterative as Iterative
from gpkit.solvers.iterative_factor import IterativeFactor as IterativeFactor
