"""Scalars of (model, data, solver) that a fit maximises or a comparison ranks by."""

from gpkit.objectives.certifying import certify as certify
from gpkit.objectives.evidence import log_evidence as log_evidence
from gpkit.objectives.evidence import log_posterior_density as log_posterior_density
from gpkit.objectives.leave_one_out import leave_one_out_crps as leave_one_out_crps
from gpkit.objectives.leave_one_out import (
    leave_one_out_log_density as leave_one_out_log_density,
)
from gpkit.objectives.leave_one_out import leave_one_out_nlpd as leave_one_out_nlpd
from gpkit.objectives.sequential import sequential_log_density as sequential_log_density
