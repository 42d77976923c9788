r"""One file that predicts: `save` and `load` a `Predictor`, without pickle.

The file is a container (see `gpkit.container`) of kind "model". Its header holds the
description of the posterior (see `gpkit.structure`), the encoder, the scaler, names and
versions; its tensors are the arrays under their path names.

The Cholesky factor is stored while it is small, and then predictions after loading are
equal to the last bit on the same machine. A larger one (header: ``"factor":
"recomputed"``) is computed again at loading from the kernel and the stored diagonal of the
covariance, in which the noise of every row is contained: means use the stored weights and
are equal to the last bit even so, variances are equal to the backward error of a Cholesky
factorisation.

The factor of the iterative solver is never stored: beside X, y and weights the file holds the
settings and the key from which the same factor is made again when it is needed.

Format 2 is format 1 with a field "transform": it is written for a `TransformedPredictor`
alone, so that an older gpkit refuses a file whose predictions it would give in wrong units.
"""

import importlib.metadata
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gpkit import container
from gpkit.container import ContainerError
from gpkit.data import Encoder, TargetScaler
from gpkit.data.transforms import transform_from_dict
from gpkit.linalg.factorisation import cholesky
from gpkit.operators.covariance import Covariance
from gpkit.posterior import Posterior
from gpkit.predictor import Predictor, on_device, on_host
from gpkit.results import worst
from gpkit.solvers.dense import DenseFactor
from gpkit.structure import DescriptionError, as_list, describe, rebuild
from gpkit.transformed import TransformedPredictor, transformed

FORMAT = 1
TRANSFORMED_FORMAT = 2
FACTOR_BYTES = 64 * 2**20


def save(
    predictor: Predictor | TransformedPredictor,
    path: str | os.PathLike[str],
    *,
    info: Mapping[str, Any] | None = None,
    max_factor_bytes: int = FACTOR_BYTES,
) -> None:
    """Write a predictor to one file; equal predictors make equal files.

    `info` is stored beside it and given back by `read_info`: settings, seeds, versions,
    metrics; anything made of dicts, lists, text, numbers and arrays (which become lists).
    A Cholesky factor of more than `max_factor_bytes` is not stored but computed again at
    loading.

    Raises:
        TypeError: for what no file can hold: a kernel from a Python function, a prior or a
            class from elsewhere; the message names the place and the remedy.
        OSError: with path and remedy; an older file at `path` is then as it was.
    """
    if not isinstance(predictor, (Predictor, TransformedPredictor)):
        raise TypeError(f"save needs a gpkit Predictor, got {type(predictor).__name__}")
    posterior, factor = _compact(on_host(predictor.posterior), max_factor_bytes)
    tensors: dict[str, np.ndarray] = {}

    def keep(name: str, array: np.ndarray) -> dict[str, str]:
        tensors[name] = array
        return {"$array": name}

    header = {
        "format": FORMAT,
        "gpkit": _version(),
        "factor": factor,
        "posterior": describe(posterior, "", keep),
        "encoder": describe(predictor.encoder.to_dict(), "encoder", as_list),
        "scaler": describe(predictor.scaler.to_dict(), "scaler", as_list),
        "num_rows": int(predictor.num_rows),
        "targets": list(predictor.targets),
        "info": describe(dict(info or {}), "info", as_list),
    }
    if isinstance(predictor, TransformedPredictor):
        record = describe(predictor.transform.to_dict(), "transform", as_list)
        header |= {"format": TRANSFORMED_FORMAT, "transform": record}
    container.write(path, header, tensors, "model")


def load(path: str | os.PathLike[str]) -> Predictor | TransformedPredictor:
    """The predictor that `save` wrote.

    Raises:
        ContainerError: (a ValueError) for a file that is damaged, foreign, or written by a
            newer gpkit; the message says which, and what to do.
        OSError: with path and remedy, where the file can't be opened.
    """
    header, tensors = _read(path)
    with _described(path, header):
        posterior = rebuild(header["posterior"], tensors)
        if not isinstance(posterior, Posterior):
            raise DescriptionError("it is no posterior")
        if header["factor"] == "recomputed":
            posterior = _recomputed(posterior)
        predictor = Predictor(
            encoder=Encoder.from_dict(rebuild(header["encoder"], {})),
            scaler=TargetScaler.from_dict(rebuild(header["scaler"], {})),
            posterior=posterior,
            num_rows=header["num_rows"],
            targets=tuple(header["targets"]),
        )
        if header["format"] == FORMAT:
            return predictor
        transform = transform_from_dict(rebuild(header["transform"], {}))
        return transformed(predictor, transform)


def read_info(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What was given to `save` as `info`. Raises as `load` does."""
    header, _ = _read(path)
    with _described(path, header):
        return rebuild(header["info"], {})


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    header, tensors = container.read(path, "model")
    if header.get("format") not in (FORMAT, TRANSFORMED_FORMAT):
        raise ContainerError(
            f"{os.fsdecode(path)}: model format {header.get('format')} of gpkit "
            f"{header.get('gpkit')} is not known to gpkit {_version()}, which reads formats "
            f"{FORMAT} and {TRANSFORMED_FORMAT}; install a newer gpkit"
        )
    return header, tensors


@contextmanager
def _described(path: str | os.PathLike[str], header: dict[str, Any]) -> Iterator[None]:
    """Whatever an unexpected description runs into, as one clear error."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = str(error) if isinstance(error, DescriptionError) else repr(error)
        raise ContainerError(
            f"{os.fsdecode(path)}: the description of the model can't be used: {reason} "
            f"(written by gpkit {header.get('gpkit')}, read by gpkit {_version()})"
        ) from error


def _version() -> str:
    try:
        return importlib.metadata.version("gpkit-select")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _compact(posterior: Posterior, limit: int) -> tuple[Posterior, str]:
    """The posterior as it is stored, and whether its factor is "stored" or "recomputed".

    In the place of a Cholesky factor above the limit stands the diagonal of the covariance.
    """
    factor = posterior.factor
    if not isinstance(factor, DenseFactor) or factor.factor.nbytes <= limit:
        return posterior, "stored"
    diagonal = np.einsum("ij,ij->i", factor.factor, factor.factor)
    small = DenseFactor(diagonal, factor.jitter, factor.status)
    return eqx.tree_at(lambda p: p.factor, posterior, small), "recomputed"


def _recomputed(posterior: Posterior) -> Posterior:
    """The posterior with its Cholesky factor in the place of the diagonal again."""
    if not isinstance(posterior.factor, DenseFactor):
        raise DescriptionError("only a Cholesky factor can be computed again")
    with jax.enable_x64(True):
        factor = on_host(_refactorised(on_device(posterior), on_device(posterior.factor)))
    return eqx.tree_at(lambda p: p.factor, posterior, factor)


@eqx.filter_jit
def _refactorised(posterior: Posterior, old: DenseFactor) -> DenseFactor:
    diagonal, zero = old.factor, jnp.zeros_like(old.factor)
    kernel, X = posterior.model.kernel, posterior.X
    K = Covariance(kernel, X, zero, posterior.mask, old.status).dense()
    # The diagonal holds noise and jitter as well.
    new = cholesky(K.at[jnp.diag_indices(K.shape[0])].set(diagonal))
    return DenseFactor(new.factor, old.jitter + new.jitter, worst(new.status, old.status))
