"""Model files: what is loaded predicts what was saved, and no file can do more than that."""

import errno
import hashlib
import os
import pathlib
import pickle
import random
import subprocess
import sys
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import pandas as pd
import pytest

from gpkit import container, means, noise, params
from gpkit import kernels as gk
from gpkit.container import ContainerError
from gpkit.data import Encoder, TargetScaler
from gpkit.data.transforms import YeoJohnson
from gpkit.io import load, read_info, save
from gpkit.model import GP
from gpkit.padding import pad_rows
from gpkit.params import Fixed, Gamma, LogNormal, Positive, Shared
from gpkit.posterior import Posterior, condition
from gpkit.predictor import Predictor, on_host
from gpkit.results import Status
from gpkit.solvers import DenseFactor
from gpkit.transformed import TransformedPredictor, transformed
from tests.helpers import KERNELS

FILES = pathlib.Path(__file__).parent / "files"
TRAINING = pd.DataFrame(
    {
        "length": [1.0, 2.5, 4.0, 5.5, 7.0, 8.5, 9.0, 10.5],
        "colour": ["red", "blue", "red", "red", "blue", "blue", "red", "blue"],
        "wet": [True, False, True, True, False, False, True, False],
    }
)
HEIGHT = np.array([101.2, 99.1, 103.4, 104.0, 98.5, 97.9, 105.1, 96.6])
NEW = pd.DataFrame({"wet": [True, False], "colour": ["blue", "red"], "length": [3.3, 12.0]})


def rich_model():
    """A model with every layer that a parameter can have, over (length, blue, red, wet)."""
    shared = Shared(Positive([0.9, 1.4, 0.7], LogNormal(0.3, 1.7)), (0, 1, 1, 2))
    smooth = gk.Scale(gk.Matern52(shared), Positive(1.3, Gamma(2.0, 3.0)))
    return GP(
        smooth + gk.Select(gk.Linear(Fixed(0.2)), (0,), ("length",)) * gk.Exchangeable(0.4),
        mean=means.Constant(0.1),
        noise=noise.Gaussian(Positive(0.05, params.HalfNormal(1.0))),
    )


def fitted(model, table, y, noise_variance=None):
    """A predictor for a table in original units, padded as fits are."""
    encoder, scaler = Encoder.fit(table), TargetScaler.fit(y)
    known = None if noise_variance is None else scaler.noise_variance(noise_variance)
    rows = pad_rows(encoder.encode(table), scaler.standardize(y), known)
    posterior = condition(model, rows.X, rows.y, noise_variance=rows.noise_variance, mask=rows.mask)
    return Predictor(encoder, scaler, on_host(posterior), len(y), ("height",))


@pytest.fixture(scope="module")
def predictor():
    return fitted(rich_model(), TRAINING, HEIGHT)


@pytest.fixture
def saved(predictor, tmp_path):
    path = tmp_path / "model.gpkit"
    save(predictor, path)
    return path


def untrained(model, d=2):
    """A predictor whose posterior is made up, for what needs no prediction."""
    X = np.arange(5.0 * d).reshape(5, d)
    factor = DenseFactor(np.eye(5), np.array(0.0), np.array(0, np.int32))
    posterior = Posterior(model, X, X[:, 0], X[:, 1], factor, None)
    return Predictor(Encoder.fit(X), TargetScaler.fit(X[:, 0]), posterior, 5)


def assert_same(a, b):
    """The same posterior, bit by bit, and the same scales and names."""
    assert jax.tree.structure(a.posterior) == jax.tree.structure(b.posterior)
    for x, y in zip(jax.tree.leaves(a.posterior), jax.tree.leaves(b.posterior), strict=True):
        assert isinstance(x, np.ndarray)
        assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
    assert a.encoder == b.encoder
    assert a.scaler.to_dict() == b.scaler.to_dict()
    assert (a.num_rows, a.targets) == (b.num_rows, b.targets)


def test_what_is_loaded_predicts_the_same_to_the_last_bit(predictor, saved):
    loaded = load(saved)
    assert_same(loaded, predictor)
    for ask in (
        lambda p: p.predict(NEW),
        lambda p: p.predict(NEW, noise_variance=0.3),
        lambda p: p.latent(NEW),
        lambda p: p.mean(NEW),
        lambda p: p.covariance(NEW),
        lambda p: p.sample(NEW, num_samples=3, seed=1),
    ):
        np.testing.assert_array_equal(ask(loaded), ask(predictor))


@pytest.mark.parametrize("case", KERNELS, ids=[case.name for case in KERNELS])
def test_every_kernel_is_stored_or_refused(case, tmp_path):
    given, path = untrained(GP(case.kernel), case.d), tmp_path / "model"
    if isinstance(case.kernel, gk.Function):
        with pytest.raises(TypeError, match=r"model.kernel is a .* a Python function can't be"):
            save(given, path)
        assert os.listdir(tmp_path) == []
        return
    save(given, path)
    loaded = load(path)
    assert_same(loaded, Predictor(**{**vars(given), "posterior": on_host(given.posterior)}))
    assert repr(loaded.posterior.model.kernel) == repr(case.kernel)


def test_two_targets_and_float32(tmp_path):
    y = np.column_stack([HEIGHT, -HEIGHT])
    given = fitted(GP(gk.RBF(0.7), mean=means.Constant([0.1, 0.2])), TRAINING, y)
    half = jax.tree.map(
        lambda a: a.astype(np.float32) if a.dtype == np.float64 else a, given.posterior
    )
    given = Predictor(given.encoder, given.scaler, half, 8, ("up", "down"))
    save(given, tmp_path / "model")
    assert_same(load(tmp_path / "model"), given)


def test_equal_predictors_make_equal_files(predictor, saved, tmp_path):
    save(load(saved), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_a_transformed_target_keeps_its_units_and_needs_a_newer_reader(predictor, tmp_path):
    transform = YeoJohnson(np.array(0.1), np.array(2.0), np.array(0.3))
    told, path = transformed(predictor, transform), tmp_path / "transformed"
    save(told, path)
    assert container.read(path, "model")[0]["format"] == 2
    assert container.read(path, "model")[0]["transform"]["name"] == "yeo-johnson"
    again = load(path)
    assert isinstance(again, TransformedPredictor)
    rows = NEW
    np.testing.assert_array_equal(np.stack(again.predict(rows)), np.stack(told.predict(rows)))
    np.testing.assert_array_equal(again.quantiles(rows, [0.1]), told.quantiles(rows, [0.1]))
    changed(path, lambda header: header["transform"].update(name="cube"))
    with pytest.raises(ContainerError, match="the description of the model can't be used"):
        load(path)


def test_info_comes_back_and_changes_nothing_else(predictor, tmp_path):
    info = {
        "seed": np.int64(3),
        "settings": {"kernel": "rbf", "bounds": (0.1, None)},
        "loss": np.array([1.5, np.nan]),
        "converged": np.bool_(True),
    }
    save(predictor, tmp_path / "model", info=info)
    found = read_info(tmp_path / "model")
    assert np.isnan(found["loss"].pop())
    assert found == {
        "seed": 3,
        "settings": {"kernel": "rbf", "bounds": (0.1, None)},
        "loss": [1.5],
        "converged": True,
    }
    assert_same(load(tmp_path / "model"), predictor)


def test_without_info_there_is_none(saved):
    assert read_info(saved) == {}


# ---------------------------------------------------------------- a factor too large


def by_formula(posterior, noise_diagonal, X_new):
    """Latent variances from the covariance of the real rows, in plain float64."""
    n = len(noise_diagonal)
    X = posterior.X[:n]
    kernel = posterior.model.kernel
    H = np.asarray(kernel(X)) + np.diag(noise_diagonal)
    cross = np.asarray(kernel(X, X_new))
    return np.asarray(kernel.diagonal(X_new)) - np.sum(cross * np.linalg.solve(H, cross), axis=0)


def test_a_factor_above_the_limit_is_computed_again(tmp_path):
    known = np.linspace(0.5, 4.0, 8)
    given = fitted(GP(1.5 * gk.Matern52(0.8)), TRAINING, HEIGHT, known)
    path = tmp_path / "model"
    save(given, path, max_factor_bytes=given.posterior.factor.factor.nbytes - 1)
    header, tensors = container.read(path, "model")
    assert header["factor"] == "recomputed"
    assert max(a.size for a in tensors.values()) == given.posterior.X.size
    loaded = load(path)
    np.testing.assert_array_equal(loaded.mean(NEW), given.mean(NEW))
    np.testing.assert_allclose(loaded.predict(NEW).std, given.predict(NEW).std, rtol=1e-13)
    np.testing.assert_allclose(
        loaded.posterior.factor.factor, given.posterior.factor.factor, rtol=0, atol=1e-14
    )
    X_new = given.encoder.encode(NEW)
    expected = by_formula(loaded.posterior, 0.1 + given.scaler.noise_variance(known), X_new)
    np.testing.assert_allclose(
        loaded.latent(NEW).std, given.scaler.std(np.sqrt(expected)), rtol=1e-12
    )


def test_a_factor_at_the_limit_is_stored(predictor, tmp_path):
    path = tmp_path / "model"
    save(predictor, path, max_factor_bytes=predictor.posterior.factor.factor.nbytes)
    assert container.read(path, "model")[0]["factor"] == "stored"
    assert_same(load(path), predictor)


def test_jitter_and_status_outlive_a_recomputed_factor(predictor, tmp_path):
    # A jitter as large as here shows whether it is counted once.
    posterior, jitter = predictor.posterior, np.array(0.25)
    L = posterior.factor.factor
    L = np.linalg.cholesky(L @ L.T + jitter * np.eye(len(L)))
    factor = DenseFactor(L, jitter, np.array(Status.JITTER_ADDED, np.int32))
    given = replace(predictor, posterior=eqx.tree_at(lambda p: p.factor, posterior, factor))
    save(given, tmp_path / "model", max_factor_bytes=0)
    found = load(tmp_path / "model").posterior.factor
    assert (found.status, found.jitter) == (Status.JITTER_ADDED, jitter)
    np.testing.assert_allclose(found.factor, L, rtol=0, atol=1e-14)


def test_a_recomputed_factor_may_need_more_jitter_and_says_so(predictor, tmp_path):
    posterior, L = predictor.posterior, predictor.posterior.factor.factor
    # Half a covariance on the diagonal, all of it beside: not positive definite.
    factor = DenseFactor(0.5 * L, np.array(0.0), np.array(0, np.int32))
    given = replace(predictor, posterior=eqx.tree_at(lambda p: p.factor, posterior, factor))
    save(given, tmp_path / "model", max_factor_bytes=0)
    assert load(tmp_path / "model").posterior.factor.status == Status.NOT_POSITIVE_DEFINITE


# ---------------------------------------------------------------------- bad files


def test_a_model_file_cut_anywhere_is_refused(saved):
    data = saved.read_bytes()
    for length in range(len(data)):
        os.truncate(saved, len(data) - 1 - length)
        with pytest.raises(ContainerError, match="cut short"):
            load(saved)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_changed_bit_anywhere_in_a_model_file_is_refused(saved, count):
    rng, data = random.Random(count), saved.read_bytes()
    with saved.open("r+b", buffering=0) as file:
        for _ in range(count):
            place, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
            file.seek(place)
            file.write(bytes([data[place] ^ bit]))
            with pytest.raises(ContainerError):
                load(saved)
            file.seek(place)
            file.write(data[place : place + 1])
    assert load(saved).num_rows == 8


def changed(path, edit):
    """The same file with another header, checksum and all."""
    header, tensors = container.read(path, "model")
    container.write(path, edit(header) or header, tensors, "model")


def test_bytes_after_the_end_and_foreign_files_are_refused(saved, tmp_path):
    data = saved.read_bytes()
    saved.write_bytes(data + b"\0")
    with pytest.raises(ContainerError, match="bytes were added at the end"):
        load(saved)
    for foreign in (pickle.dumps({"a": 1}), b"length,colour\n1,red\n"):
        saved.write_bytes(foreign)
        with pytest.raises(ContainerError, match="not a gpkit file"):
            load(saved)
        with pytest.raises(ContainerError, match="not a gpkit file"):
            read_info(saved)
    container.write(tmp_path / "other", {}, {}, "checkpoint")
    with pytest.raises(ContainerError, match="a checkpoint file where a model file is needed"):
        load(tmp_path / "other")


@pytest.mark.parametrize("version", [0, 3, None, "1"])
def test_other_formats_are_refused_with_the_remedy(saved, version):
    changed(saved, lambda header: header.update(format=version))
    for ask in (load, read_info):
        with pytest.raises(ContainerError, match=r"model format .* is not known .* newer gpkit"):
            ask(saved)


ZERO = {"$module": "means.Zero", "fields": {}}


def into_kernel(description):
    def edit(header):
        header["posterior"]["fields"]["model"]["fields"]["kernel"] = description

    return edit


HOSTILE = {
    "unknown class": into_kernel({"$module": "kernels.Future", "fields": {}}),
    "function": into_kernel({"$module": "os.system", "fields": {"command": "false"}}),
    "no fields": into_kernel({"$module": "kernels.RBF"}),
    "fields are a list": into_kernel({"$module": "kernels.RBF", "fields": [1]}),
    "array of another name": into_kernel({"$array": "/etc/passwd"}),
    "class is a list": into_kernel({"$module": ["a"], "fields": {}}),
    "no float": into_kernel({"$float": "x"}),
    "no posterior": lambda header: header.pop("posterior"),
    "something else": lambda header: header.update(posterior=ZERO),
    "no kernel": into_kernel(None),
    "a mean as kernel": into_kernel(ZERO),
    "no encoder": lambda header: header.update(encoder={}),
    "no scaler": lambda header: header.pop("scaler"),
    "no diagonal": lambda header: header.update(factor="recomputed"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_description_that_does_not_fit_is_one_clear_error(saved, name):
    def edit(header):
        HOSTILE[name](header)
        return header

    changed(saved, edit)
    with pytest.raises(ContainerError, match=r"model.gpkit: .*written by gpkit .*read by gpkit"):
        load(saved)


def test_no_pickle_is_read(saved, monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("a pickle was read")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    load(saved)
    read_info(saved)


# ------------------------------------------------------------ refusals and the system


def test_what_no_file_can_hold_is_refused_and_nothing_is_written(predictor, saved):
    old = saved.read_bytes()
    with pytest.raises(TypeError, match="save needs a gpkit Predictor, got GP"):
        save(rich_model(), saved)
    with pytest.raises(TypeError, match=r"info.when is a .*Path: only"):
        save(predictor, saved, info={"when": pathlib.Path("x")})
    assert saved.read_bytes() == old
    assert os.listdir(saved.parent) == [saved.name]


def test_a_full_disk_keeps_the_old_model(predictor, saved, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="free some space"):
        save(predictor, saved, info={"new": True})
    monkeypatch.undo()
    assert read_info(saved) == {}
    assert os.listdir(saved.parent) == [saved.name]
    assert_same(load(saved), predictor)


def test_a_file_that_is_gone(tmp_path):
    for ask in (load, read_info):
        with pytest.raises(FileNotFoundError, match=r"check the name.*gone\.gpkit"):
            ask(tmp_path / "gone.gpkit")


# ------------------------------------------------------------------- other processes

CHILD = """
import sys
import jax
import numpy as np
jax.config.update("jax_enable_x64", True)
from gpkit.io import load, save
from tests.test_io import NEW, rich_model, untrained

given, out, ask = sys.argv[1:]
save(untrained(rich_model(), 4), out + ".new")
events = []
sys.addaudithook(lambda event, args: events.append(event))
loaded = load(given)
seen = set(events)
assert "open" in seen
assert not seen & {"pickle.find_class", "exec", "compile", "import", "os.system"}, seen
save(loaded, out + ".again")
if ask == "predict":
    sys.stdout.write(np.stack(loaded.predict(NEW)).tobytes().hex())
"""


def child(seed, *arguments):
    """A fresh process under another hash seed."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        cwd=pathlib.Path(__file__).parent.parent,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_three_hash_seeds_make_one_file_and_nothing_is_executed(saved, tmp_path):
    seeds = ("0", "1", "4242")
    children = [child(seed, saved, tmp_path / seed, "files") for seed in seeds]
    save(untrained(rich_model(), 4), tmp_path / "new")
    new = (tmp_path / "new").read_bytes()
    for seed, process in zip(seeds, children, strict=True):
        process.communicate(timeout=300)
        assert process.returncode == 0
        assert (tmp_path / f"{seed}.new").read_bytes() == new
        assert (tmp_path / f"{seed}.again").read_bytes() == saved.read_bytes()


@pytest.mark.slow
def test_another_process_predicts_the_same_to_the_last_bit(predictor, saved, tmp_path):
    process = child("7", saved, tmp_path / "out", "predict")
    expected = np.stack(predictor.predict(NEW)).tobytes().hex()
    assert process.communicate(timeout=300)[0] == expected


# ------------------------------------------------------------------------ old versions


def test_a_file_of_format_1_still_loads_and_predicts():
    """Written by `save(fitted(rich_model(), TRAINING, HEIGHT), ..., info={"seed": 1})`."""
    path = FILES / "model_v1.gpkit"
    assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(V1_DIGEST)
    loaded = load(path)
    mean, std = loaded.predict(NEW)
    np.testing.assert_allclose(mean, V1_MEAN, rtol=1e-10)
    np.testing.assert_allclose(std, V1_STD, rtol=1e-10)
    assert (loaded.targets, loaded.num_rows, read_info(path)) == (("height",), 8, {"seed": 1})
    kernel = loaded.posterior.model.kernel
    assert kernel == rich_model().kernel
    assert kernel.terms[0].variance.prior == Gamma(2.0, 3.0)


V1_DIGEST = "f7b9797822181d64"
V1_MEAN = [102.00793204270731, 99.46524384523626]
V1_STD = [3.1256280953458364, 3.8481386894221727]
