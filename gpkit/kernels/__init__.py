"""Kernels: formulas with parameters, and their algebra."""

from gpkit.kernels.base import AbstractKernel as AbstractKernel
from gpkit.kernels.base import AbstractPairKernel as AbstractPairKernel
from gpkit.kernels.base import Constant as Constant
from gpkit.kernels.base import Product as Product
from gpkit.kernels.base import Scale as Scale
from gpkit.kernels.base import Sum as Sum
from gpkit.kernels.categorical import Exchangeable as Exchangeable
from gpkit.kernels.categorical import Hamming as Hamming
from gpkit.kernels.columns import Columns as Columns
from gpkit.kernels.nonstationary import ArcCosine as ArcCosine
from gpkit.kernels.nonstationary import ChangePoint as ChangePoint
from gpkit.kernels.nonstationary import Linear as Linear
from gpkit.kernels.nonstationary import Polynomial as Polynomial
from gpkit.kernels.periodic import Cosine as Cosine
from gpkit.kernels.periodic import Periodic as Periodic
from gpkit.kernels.periodic import SpectralMixture as SpectralMixture
from gpkit.kernels.stationary import RBF as RBF
from gpkit.kernels.stationary import AbstractStationary as AbstractStationary
from gpkit.kernels.stationary import Matern12 as Matern12
from gpkit.kernels.stationary import Matern32 as Matern32
from gpkit.kernels.stationary import Matern52 as Matern52
from gpkit.kernels.stationary import PoweredExponential as PoweredExponential
from gpkit.kernels.stationary import RationalQuadratic as RationalQuadratic
from gpkit.kernels.transforms import Function as Function
from gpkit.kernels.transforms import Select as Select
from gpkit.kernels.transforms import Warp as Warp
