"""Checkpoints: a killed fit goes on to the same optimum, and strange files are refused."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import gpkit as gp
from gpkit import container
from gpkit import kernels as gk
from gpkit.container import ContainerError
from gpkit.fitting import journal
from gpkit.fitting.journal import CheckpointError, Journal, fit_fingerprint
from gpkit.results import Status

RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, size=(30, 2))
Y = np.sin(2 * X[:, 0]) + 0.1 * RNG.normal(size=30)
KEY = jax.random.key(0)
OPTIONS = {"n_restarts": 2, "max_steps": 15, "key": KEY}


def model(kernel=None):
    return gp.GP(kernel or gk.Scale(gk.RBF([1.0, 1.0]), 1.0), noise=gp.noise.Gaussian(0.1))


def same(a, b):
    assert a.log_density == b.log_density
    for x, y in zip(jax.tree.leaves(a.model), jax.tree.leaves(b.model), strict=True):
        np.testing.assert_array_equal(x, y)
    assert [r.status for r in a.runs] == [r.status for r in b.runs]
    for r, s in zip(a.runs, b.runs, strict=True):
        np.testing.assert_array_equal(r.history.value, s.history.value)


@pytest.fixture(scope="module")
def whole():
    return gp.fit(model(), X, Y, **OPTIONS)


class Killed(Exception):
    """What stands for the end of the process."""


def killed_after(path, count, monkeypatch, **options):
    """A fit that ends at its evaluation of this number; everything before it is on the disk."""
    real = journal.Journal.write_if_due

    def write(self):
        if sum(len(s.entries) for s in self._sections.values()) == count:
            raise Killed
        self._write()

    monkeypatch.setattr(journal.Journal, "write_if_due", write)
    # A killed process writes nothing on its way out.
    monkeypatch.setattr(journal.Journal, "__exit__", lambda *_: None)
    with pytest.raises(Killed):
        gp.fit(model(), X, Y, checkpoint=path, **{**OPTIONS, **options})
    monkeypatch.undo()
    assert journal.Journal.write_if_due is real


@pytest.mark.parametrize("count", [1, 2, 9, 24, 41])
def test_a_fit_goes_on_to_the_same_optimum_to_the_last_bit(tmp_path, monkeypatch, whole, count):
    path = tmp_path / "fit"
    killed_after(path, count, monkeypatch)
    kept = len(container.read(path, "checkpoint")[1].get("0.value", ()))
    assert kept == count - 1
    evaluated = []
    monkeypatch.setattr(journal.Section, "_recall", _counting(journal.Section._recall, evaluated))
    same(gp.fit(model(), X, Y, checkpoint=path, **OPTIONS), whole)
    assert len(evaluated) == kept
    assert os.listdir(tmp_path) == ["fit"]


def _counting(method, calls):
    def counted(self, x):
        calls.append(1)
        return method(self, x)

    return counted


def test_a_finished_fit_is_read_back_without_any_evaluation(tmp_path, monkeypatch, whole):
    path = tmp_path / "fit"
    same(gp.fit(model(), X, Y, checkpoint=path, **OPTIONS), whole)

    def evaluate(*_args):
        raise AssertionError("evaluated")

    monkeypatch.setattr("gpkit.fitting.problem.evaluate_in_stages", evaluate)
    same(gp.fit(model(), X, Y, checkpoint=path, **OPTIONS), whole)


def test_ctrl_c_leaves_a_file_that_goes_on(tmp_path, whole):
    def stop(event):
        if event.stage == "run 2 of 3" and event.step == 3:
            raise KeyboardInterrupt

    path = tmp_path / "fit"
    stopped = gp.fit(model(), X, Y, checkpoint=path, progress=stop, **OPTIONS)
    assert stopped.status == Status.INTERRUPTED
    same(gp.fit(model(), X, Y, checkpoint=path, **OPTIONS), whole)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.lbfgs()], ids=["adam", "lbfgs"])
def test_optax_transformations_go_on(tmp_path, monkeypatch, optimizer):
    options = {"optimizer": optimizer, "n_restarts": 1, "max_steps": 8}
    expected = gp.fit(model(), X, Y, **{**OPTIONS, **options})
    killed_after(tmp_path / "fit", 6, monkeypatch, **options)
    same(gp.fit(model(), X, Y, checkpoint=tmp_path / "fit", **{**OPTIONS, **options}), expected)


# ----------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": Y + 1e-12}, "is of other data"),
        ({"X": X[:, ::-1]}, "is of other data"),
        ({"noise_variance": np.full(30, 0.1)}, "is of other data"),
        ({"model": model(gk.Scale(gk.Matern32([1.0, 1.0]), 1.0))}, "of a fit with another model"),
        ({"model": model(gk.Scale(gk.RBF([1.0, 2.0]), 1.0))}, "of a fit with another model"),
        ({"n_restarts": 1}, r"another n_restarts \(2 there, 1 here\)"),
        ({"max_steps": 16}, r"another max_steps \(15 there, 16 here\)"),
        ({"tol": 1e-4}, "another tol"),
        ({"key": jax.random.key(1)}, "another key"),
        ({"optimizer": optax.adam(0.1)}, "another optimizer"),
    ],
    ids=lambda v: v if isinstance(v, str) else next(iter(v)),
)
def test_a_checkpoint_of_other_work_is_refused_and_kept(tmp_path, monkeypatch, change, message):
    path = tmp_path / "fit"
    killed_after(path, 4, monkeypatch)
    before = path.read_bytes()
    given = {"model": model(), "X": X, "y": Y, **OPTIONS, **change}
    arguments = [given.pop(name) for name in ("model", "X", "y")]
    with pytest.raises(CheckpointError, match=f"{message}.*delete it to start anew"):
        gp.fit(*arguments, checkpoint=path, **given)
    assert path.read_bytes() == before


def test_another_learning_rate_is_found_at_its_first_step(tmp_path, monkeypatch):
    # Functions have no names that differ; the points that they ask for do.
    path = tmp_path / "fit"
    killed_after(path, 4, monkeypatch, optimizer=optax.adam(0.1))
    with pytest.raises(CheckpointError, match="evaluation 1 of the fit was made at another point"):
        gp.fit(model(), X, Y, checkpoint=path, **{**OPTIONS, "optimizer": optax.adam(0.2)})


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "fit"
    path.write_bytes(b"some text")
    with pytest.raises(ContainerError, match="not a gpkit file"):
        gp.fit(model(), X, Y, checkpoint=path, **OPTIONS)
    assert path.read_bytes() == b"some text"
    container.write(path, {}, {}, "model")
    with pytest.raises(ContainerError, match="a model file where a checkpoint file is needed"):
        gp.fit(model(), X, Y, checkpoint=path, **OPTIONS)
    container.write(path, {"format": 2}, {}, "checkpoint")
    with pytest.raises(ContainerError, match="checkpoint format 2 is not known here"):
        gp.fit(model(), X, Y, checkpoint=path, **OPTIONS)
    Journal(tmp_path / "other", "comparison", journal.data_fingerprint(X))
    with pytest.raises(CheckpointError, match="is of a comparison, and this is a fit"):
        gp.fit(model(), X, Y, checkpoint=tmp_path / "other", **OPTIONS)


def test_a_place_that_can_not_be_written_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    evaluated = []

    def evaluate(*_args):
        evaluated.append(1)
        raise AssertionError("evaluated")

    monkeypatch.setattr("gpkit.fitting.problem.evaluate_in_stages", evaluate)
    with pytest.raises(FileNotFoundError, match=r"can't write.*its folder exists"):
        gp.fit(model(), X, Y, checkpoint=tmp_path / "no" / "fit", **OPTIONS)
    with pytest.raises(IsADirectoryError, match="give the name of a file in it"):
        gp.fit(model(), X, Y, checkpoint=tmp_path, **OPTIONS)

    def refuse(*_args, **_more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(container, "_temporary", refuse)
    with pytest.raises(OSError, match="choose a folder that is not read-only"):
        gp.fit(model(), X, Y, checkpoint=tmp_path / "fit", **OPTIONS)
    assert evaluated == []


def test_a_disk_that_fills_up_is_told_and_loses_nothing(tmp_path, monkeypatch, whole):
    path = tmp_path / "fit"
    monkeypatch.setattr(journal, "_SECONDS_BETWEEN_WRITES", 0.0)
    writes, real = [], os.fsync

    def full(handle):
        writes.append(1)
        if len(writes) > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"can't write.*free some space") as caught:
        gp.fit(model(), X, Y, checkpoint=path, **OPTIONS)
    assert caught.value.filename == str(path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["fit"]
    assert len(container.read(path, "checkpoint")[1]["0.value"]) >= 8
    same(gp.fit(model(), X, Y, checkpoint=path, **OPTIONS), whole)


def test_a_file_that_vanishes_is_written_again(tmp_path, monkeypatch, whole):
    path = tmp_path / "fit"
    monkeypatch.setattr(journal, "_SECONDS_BETWEEN_WRITES", 0.0)
    vanished = []

    def vanish(event):
        if event.step == 5 and not vanished:
            vanished.append(path.unlink())

    same(gp.fit(model(), X, Y, checkpoint=path, progress=vanish, **OPTIONS), whole)
    assert vanished
    count = sum(r.history.num_evaluations.sum() for r in whole.runs)
    assert len(container.read(path, "checkpoint")[1]["0.value"]) >= count


def test_fingerprints_do_not_depend_on_addresses():
    def make():
        rows = type("Rows", (), {"X": X, "y": Y, "mask": None, "noise_variance": None})
        kernel = gk.Function(_pair, {"rate": 0.5})
        return fit_fingerprint(model(kernel), rows, optax.adam(0.1), KEY, max_steps=3)

    assert make() == make()
    assert not any("0x" in text for text in make().values())


def _pair(x, z, params):
    return jax.numpy.exp(-params["rate"] * jax.numpy.sum((x - z) ** 2))


# ------------------------------------------------------------------------------- comparisons


CANDIDATES = {"rbf": model(), "rough": model(gk.Scale(gk.Matern12(1.0), 1.0))}


def test_a_comparison_goes_on_candidate_by_candidate(tmp_path):
    options = {"n_restarts": 0, "max_steps": 10, "criterion": "kfold"}
    expected = gp.compare(CANDIDATES, X, Y, **options)
    path = tmp_path / "all"

    def stop(event):
        if event.stage == "candidate" and event.step == 1:
            raise KeyboardInterrupt

    part = gp.compare(CANDIDATES, X, Y, checkpoint=path, progress=stop, **options)
    assert part.status == Status.INTERRUPTED
    names = [s["name"] for s in container.read(path, "checkpoint")[0]["sections"]]
    assert names == ["rbf", *(f"rbf: fold {j}" for j in range(5))]
    found = gp.compare(CANDIDATES, X, Y, checkpoint=path, **options)
    assert found.status == expected.status == Status.SUCCESS
    columns = ["delta", "log_evidence", "loo_nlpd", "kfold_nlpd", "status"]
    assert found.table[columns].equals(expected.table[columns])
    # Candidates that are done serve a longer list.
    longer = {**CANDIDATES, "linear": model(gk.Linear())}
    more = gp.compare(longer, X, Y, checkpoint=path, **options)
    assert more.table.loc["rbf", "log_evidence"] == found.table.loc["rbf", "log_evidence"]
    with pytest.raises(CheckpointError, match="rbf: this checkpoint is of a fit with another tol"):
        gp.compare(CANDIDATES, X, Y, checkpoint=path, tol=1e-5, **options)


# ------------------------------------------------------------------------------------ SIGKILL


PROGRAM = """
import sys, time
sys.path.insert(0, {root!r})
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", {cache!r})
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
import numpy as np
import gpkit as gp
from gpkit import kernels as gk
from gpkit.fitting import journal
journal._SECONDS_BETWEEN_WRITES = 0.05
rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, size=(400, 3))
y = np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.2 * rng.normal(size=400)
model = gp.GP(gk.Scale(gk.Matern52([1.0, 1.0, 1.0]), 1.0), gp.means.Constant(), gp.noise.Gaussian())
print("start", flush=True)
found = gp.fit(model, X, y, n_restarts=4, key=jax.random.key(0), checkpoint={path!r})
leaves = [float(v) for leaf in jax.tree.leaves(found.model) for v in np.ravel(leaf)]
print(repr([found.log_density, *leaves]), flush=True)
"""


def _launch(tmp_path, name):
    text = PROGRAM.format(
        root=str(Path(__file__).parents[2]),
        cache=str(tmp_path / "cache"),
        path=str(tmp_path / name),
    )
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


def _finish(process):
    """What it printed after its start."""
    with process.stdout as out:
        lines = out.read().splitlines(keepends=True)
    assert process.wait() == 0
    return lines[-1]


@pytest.mark.slow
def test_thirty_sigkills_at_random_times_each_end_at_the_same_optimum(tmp_path):
    # The first one compiles; the second tells how long a fit takes that does not.
    expected = _finish(_launch(tmp_path, "first"))
    second = _launch(tmp_path, "second")
    assert second.stdout.readline() == "start\n"
    clock = time.perf_counter()
    assert _finish(second) == expected
    seconds = time.perf_counter() - clock
    whole = len(container.read(tmp_path / "second", "checkpoint")[1]["0.value"])
    draw, found = random.Random(0), []
    while len(found) < 30:
        folder = tmp_path / f"kill{len(found)}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        fit = _launch(tmp_path, f"{folder.name}/fit")
        assert fit.stdout.readline() == "start\n"
        time.sleep(draw.uniform(0.0, seconds))
        os.kill(fit.pid, signal.SIGKILL)
        with fit.stdout as out:
            ended = out.read() != ""
        fit.wait()
        path = folder / "fit"
        tensors = container.read(path, "checkpoint")[1] if path.exists() else {}
        if ended:
            continue
        found.append(len(tensors.get("0.value", ())))
        assert _finish(_launch(tmp_path, f"{folder.name}/fit")) == expected
        assert os.listdir(folder) == ["fit"]
    print(f"30 SIGKILLs within {seconds:.1f} s of {whole} evaluations; in the files: {found}")
    # Some were killed early and some late.
    assert len(set(found)) > 10
