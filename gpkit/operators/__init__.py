"""The one bridge between kernels and linear algebra: covariance matrices, tile by tile."""

from gpkit.operators.covariance import Covariance as Covariance
from gpkit.operators.covariance import covariance as covariance
from gpkit.operators.recomputed import KernelOperator as KernelOperator
from gpkit.operators.stored import StoredOperator as StoredOperator
from gpkit.operators.stored import stored_bytes as stored_bytes
from gpkit.operators.tiles import gram as gram
from gpkit.operators.tiles import gram_lower as gram_lower
