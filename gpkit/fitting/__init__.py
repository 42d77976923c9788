"""Tuning the parameters of a model."""

from gpkit.fitting.fitting import FitResult as FitResult
from gpkit.fitting.fitting import fit as fit
from gpkit.fitting.loop import History as History
from gpkit.fitting.loop import Run as Run
