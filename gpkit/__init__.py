"""gpkit: which Gaussian process should I use, how sure are we, and what does it predict?

Names load when first used, so that ``gpkit --help`` answers without JAX, and the
functional core works without pandas and scikit-learn.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpkit import data as data
    from gpkit import estimators as estimators
    from gpkit import kernels as kernels
    from gpkit import linalg as linalg
    from gpkit import means as means
    from gpkit import metrics as metrics
    from gpkit import noise as noise
    from gpkit import params as params
    from gpkit import selection as selection
    from gpkit import solvers as solvers
    from gpkit.defaults import default_prior as default_prior
    from gpkit.estimators import GPRegressor as GPRegressor
    from gpkit.estimators import GPSelector as GPSelector
    from gpkit.fitting import FitResult as FitResult
    from gpkit.fitting import fit as fit
    from gpkit.io import load as load
    from gpkit.io import save as save
    from gpkit.model import GP as GP
    from gpkit.objectives import certify as certify
    from gpkit.objectives import leave_one_out_crps as leave_one_out_crps
    from gpkit.objectives import leave_one_out_log_density as leave_one_out_log_density
    from gpkit.objectives import leave_one_out_nlpd as leave_one_out_nlpd
    from gpkit.objectives import log_evidence as log_evidence
    from gpkit.objectives import log_posterior_density as log_posterior_density
    from gpkit.params import replace as replace
    from gpkit.params import val as val
    from gpkit.paths import Paths as Paths
    from gpkit.paths import pathwise as pathwise
    from gpkit.posterior import Posterior as Posterior
    from gpkit.posterior import condition as condition
    from gpkit.results import Estimate as Estimate
    from gpkit.results import Event as Event
    from gpkit.results import Status as Status
    from gpkit.selection import Comparison as Comparison
    from gpkit.selection import compare as compare

_HOME = {
    "Comparison": "gpkit.selection",
    "Estimate": "gpkit.results",
    "Event": "gpkit.results",
    "FitResult": "gpkit.fitting",
    "GP": "gpkit.model",
    "GPRegressor": "gpkit.estimators",
    "GPSelector": "gpkit.estimators",
    "Paths": "gpkit.paths",
    "Posterior": "gpkit.posterior",
    "Status": "gpkit.results",
    "certify": "gpkit.objectives",
    "compare": "gpkit.selection",
    "condition": "gpkit.posterior",
    "default_prior": "gpkit.defaults",
    "fit": "gpkit.fitting",
    "leave_one_out_crps": "gpkit.objectives",
    "leave_one_out_log_density": "gpkit.objectives",
    "leave_one_out_nlpd": "gpkit.objectives",
    "load": "gpkit.io",
    "log_evidence": "gpkit.objectives",
    "log_posterior_density": "gpkit.objectives",
    "pathwise": "gpkit.paths",
    "replace": "gpkit.params",
    "save": "gpkit.io",
    "val": "gpkit.params",
}
_MODULES = (
    "data",
    "estimators",
    "kernels",
    "linalg",
    "means",
    "metrics",
    "noise",
    "params",
    "selection",
    "solvers",
)

__all__ = [*_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"gpkit.{name}")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("gpkit-select")
    raise AttributeError(f"module 'gpkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
