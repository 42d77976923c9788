"""Comparing models: criteria, differences with standard errors, decisions."""

from gpkit.selection.candidates import default_candidates as default_candidates
from gpkit.selection.comparison import Candidate as Candidate
from gpkit.selection.comparison import Comparison as Comparison
from gpkit.selection.comparison import compare as compare
from gpkit.selection.comparison import rank as rank
from gpkit.selection.criteria import CRITERIA as CRITERIA
from gpkit.selection.criteria import Fold as Fold
from gpkit.selection.criteria import View as View
from gpkit.selection.decision import stacking_weights as stacking_weights
from gpkit.selection.refining import refine as refine
