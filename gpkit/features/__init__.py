"""Random features of kernels, and samples of the prior made of them."""

# These give every kernel its methods.
from gpkit.features import amplitudes as amplitudes
from gpkit.features import composition as composition
from gpkit.features import waves as waves
from gpkit.features.forms import draw as draw
from gpkit.features.forms import polar as polar
from gpkit.features.samples import PriorSample as PriorSample
from gpkit.features.samples import RandomFeatures as RandomFeatures
from gpkit.features.samples import prior_sample as prior_sample
from gpkit.features.samples import random_features as random_features
from gpkit.features.waves import width as width
