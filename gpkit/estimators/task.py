"""From what scikit-learn users pass to what the functional core takes."""

from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from gpkit.data import Dataset, Encoder, TargetScaler
from gpkit.data.transforms import AbstractTransform, fit_transform
from gpkit.defaults import default_prior
from gpkit.kernels import AbstractKernel, Columns, parse
from gpkit.means import AbstractMean, Constant, Linear, Zero
from gpkit.model import GP
from gpkit.noise import AbstractNoise, Gaussian, NoNoise, PerGroup
from gpkit.selection.criteria import Fold

_TARGET = "__target__"


@dataclass(frozen=True, eq=False)
class Task:
    """A data set encoded, its target transformed and standardised, by its own rows.

    `X`, `y` and `noise_variance` are NumPy, in standardised units.
    """

    dataset: Dataset
    encoder: Encoder
    transform: AbstractTransform
    scaler: TargetScaler
    X: np.ndarray
    y: np.ndarray
    noise_variance: np.ndarray | None

    @classmethod
    def of(cls, dataset: Dataset, *, standardize: bool, transform: str | None = None) -> "Task":
        """Encoder, target transform and target scaler fitted on all rows of the data set."""
        encoder = Encoder.fit(dataset, standardize=standardize)
        found = fit_transform(transform, dataset.y)
        y = found.forward(dataset.y)
        scaler = TargetScaler.fit(y, names=dataset.targets, standardize=standardize)
        known = dataset.noise_variance
        if known is not None:
            if transform is not None:
                raise ValueError(
                    "noise_variance is in squared units of y, which a target_transform does not "
                    "carry over; transform y yourself and pass variances in its units"
                )
            known = _one_noise_per_row(scaler.noise_variance(known))
        X = encoder.encode(dataset)
        return cls(dataset, encoder, found, scaler, X, scaler.standardize(y), known)

    @property
    def columns(self) -> Columns:
        """What the kernel grammar needs to know of the encoded columns."""
        found = self.encoder.columns
        low, high = self.dataset.X.min(axis=0), self.dataset.X.max(axis=0)
        return Columns(found.names, found.index, found.scale, found.offset, tuple(low), tuple(high))

    @property
    def log_scale(self) -> np.ndarray:
        """What a log density in standardised units exceeds that in original units by, (n,)."""
        return self._log_scale(self.dataset.y)

    def _log_scale(self, y: np.ndarray) -> np.ndarray:
        constant = -float(self.scaler.log_evidence(0.0, 1))
        return constant - self.transform.log_slope(y).reshape(len(y), -1).sum(axis=1)

    def fold(
        self,
        train: np.ndarray,
        test: np.ndarray,
        *,
        standardize: bool,
        transform: str | None = None,
    ) -> Fold:
        """A split whose encoder, transform and scaler see its training rows only."""
        part = Task.of(self.dataset.take(train), standardize=standardize, transform=transform)
        held = self.dataset.take(test)
        noise = held.noise_variance
        return Fold(
            part.X,
            part.y,
            part.encoder.encode(held),
            part.scaler.standardize(part.transform.forward(held.y)),
            test,
            part._log_scale(held.y),
            part.noise_variance,
            None if noise is None else _one_noise_per_row(part.scaler.noise_variance(noise)),
        )


def make_dataset(estimator: Any, X: Any, y: Any, noise_variance: Any) -> Dataset:
    """A checked data set; sets ``n_features_in_`` and ``feature_names_in_``.

    Arrays go through scikit-learn's own validation, except for missing and infinite entries,
    which are told by column and row; a DataFrame keeps its columns, so that text and
    categories are encoded. The estimator's `missing` says what becomes of missing entries.
    """
    missing = estimator.missing
    _refuse_masks(X=X, y=y)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X=cast(Any, X), y=y, skip_check_array=True)
        target = _check_target(y, len(X))
        frame = X.reset_index(drop=True)
        names = [_TARGET] if target.ndim == 1 else [f"{_TARGET}{j}" for j in range(target.shape[1])]
        frame = frame.assign(**dict(zip(names, target.reshape(len(frame), -1).T, strict=True)))
        wanted = names[0] if target.ndim == 1 else names
        return Dataset.from_frame(frame, wanted, noise_variance=noise_variance, missing=missing)
    X = validate_data(estimator, X, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=2)
    target = _check_target(y, len(X))
    return Dataset.from_arrays(X, target, noise_variance=noise_variance, missing=missing)


def check_rows(estimator: Any, X: Any) -> Any:
    """New rows in the form that the encoder takes; ValueError where they do not fit."""
    _refuse_masks(X=X)
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X=cast(Any, X), reset=False, skip_check_array=True)
        return X
    return validate_data(estimator, X, reset=False, dtype=np.float64, ensure_all_finite=False)


def make_kernel(kernel: str | AbstractKernel, columns: Columns) -> AbstractKernel:
    """A kernel from an expression (original units) or a module (taken as it is)."""
    if isinstance(kernel, str):
        return parse(kernel, columns)
    if isinstance(kernel, AbstractKernel):
        return kernel
    raise TypeError(
        "kernel must be an expression such as 'matern32(ard) + linear', or a kernel of "
        f"gpkit.kernels; got {type(kernel).__name__}"
    )


def make_model(task: Task, kernel: str | AbstractKernel, mean: Any, noise: Any, prior: Any) -> GP:
    """The model of an estimator's arguments, in standardised units."""
    d = task.X.shape[1]
    outputs = task.y.shape[1:]
    model = GP(
        make_kernel(kernel, task.columns),
        _make_mean(mean, d, outputs),
        _make_noise(noise, task.columns),
    )
    # Modules that were made while JAX was in float32 would be trained in float32.
    model = jax.tree.map(lambda leaf: jnp.asarray(leaf, _double(leaf)), model)
    if prior is None:
        return model
    if prior != "default":
        raise ValueError(f"prior must be 'default' or None, got {prior!r}")
    return default_prior(model, d)


def _double(leaf: Any) -> Any:
    return jnp.float64 if jnp.issubdtype(jnp.result_type(leaf), jnp.floating) else None


def _make_mean(mean: Any, d: int, outputs: tuple[int, ...]) -> AbstractMean:
    if isinstance(mean, AbstractMean):
        return mean
    if mean == "zero":
        return Zero()
    if mean == "constant":
        return Constant(np.zeros(outputs))
    if mean == "linear":
        return Linear(np.zeros((d, *outputs)), np.zeros(outputs))
    raise ValueError(
        f"mean must be 'constant', 'zero', 'linear' or a mean of gpkit.means, got {mean!r}"
    )


def _make_noise(noise: Any, columns: Columns) -> AbstractNoise:
    if isinstance(noise, AbstractNoise):
        return noise
    if noise == "gaussian":
        return Gaussian(0.1)
    if noise == "none":
        return NoNoise()
    if isinstance(noise, str) and noise.startswith("group(") and noise.endswith(")"):
        name = noise[len("group(") : -1].strip()
        if name not in columns.names:
            raise ValueError(
                f"noise names no column {name!r}; columns are {', '.join(columns.names)}"
            )
        index = columns.index[columns.names.index(name)]
        if len(index) < 2:
            raise ValueError(f"noise='group({name})' needs a column of categories")
        return PerGroup(np.full(len(index), 0.1), index)
    raise ValueError(
        "noise must be 'gaussian', 'none', 'group(COLUMN)' or a noise of gpkit.noise, "
        f"got {noise!r}"
    )


def _refuse_masks(**arrays: Any) -> None:
    # NumPy would hand over what lies under the mask.
    for name, array in arrays.items():
        if np.ma.isMaskedArray(array) and np.any(np.ma.getmaskarray(array)):
            raise ValueError(
                f"{name} has masked entries; pass {name}.filled(np.nan) with missing='drop', or "
                "leave these rows out"
            )


def _check_target(y: Any, n: int) -> np.ndarray:
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    target = check_array(
        y, ensure_2d=False, dtype="float64", input_name="y", ensure_all_finite=False
    )
    if len(target) != n:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n} rows, but y "
            f"has {len(target)}"
        )
    return target


def _one_noise_per_row(known: np.ndarray) -> np.ndarray:
    if known.ndim == 1:
        return known
    # Relative to the variances themselves, however small.
    if not np.allclose(known, known[:, :1], rtol=1e-5, atol=0.0):
        raise ValueError(
            "several targets share one covariance, so their noise variances must be equal in "
            "units of each target's spread; fit the targets one by one"
        )
    return known[:, 0]
