"""The one bridge between kernels and linear algebra: covariance matrices, tile by tile."""

from gpkit.operators.covariance import Covariance as Covariance
from gpkit.operators.covariance import covariance as covariance
from gpkit.operators.tiles import gram as gram
