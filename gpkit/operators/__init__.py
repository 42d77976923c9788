"""The one bridge between kernels and linear algebra: covariance matrices, tile by tile."""

from gpkit.operators.covariance import Covariance as Covariance
from gpkit.operators.covariance import covariance as covariance
from gpkit.operators.tiles import gram as gram
from gpkit.operators.tiles import gram_lower as gram_lower
