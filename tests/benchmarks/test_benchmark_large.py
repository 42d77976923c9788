"""Large suites: problems, fixed settings, references, and what their files keep."""

import argparse
import json

import numpy as np
import pytest

from benchmarks import fixed
from benchmarks.problems import PROBLEMS, Problem, load_problem
from benchmarks.references import bfgs, fit, pack, unpack
from benchmarks.suites.large import Engine, add, missing, opened
from benchmarks.suites.train import SCORED, thinned


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data set of 103 rows and the problems that read it."""
    place = tmp_path / "uci" / "tiny"
    place.mkdir(parents=True)
    rng = np.random.default_rng(1)
    np.savetxt(place / "data.csv.gz", rng.normal(3.0, 7.0, size=(103, 4)), delimiter=",")
    masks = np.arange(103)[:, None] % 10 == np.arange(10)
    np.savetxt(place / "test_mask.csv.gz", masks, fmt="%d", delimiter=",")
    for name, problem in {
        "fold": Problem("uci/tiny", drop=(1,)),
        "first": Problem("uci/tiny", "first", rows=60),
        "fifths": Problem("uci/tiny", "64/16/20"),
    }.items():
        monkeypatch.setitem(PROBLEMS, name, problem)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "train", "test", "columns"),
    [("fold", 92, 11, 2), ("first", 60, 43, 3), ("fifths", 65, 21, 3)],
)
def test_rows_are_standardised_by_the_training_part(folder, name, train, test, columns):
    rows = load_problem(name, folder)
    assert rows.X.shape == (train, columns)
    assert rows.X_test.shape == (test, columns)
    np.testing.assert_allclose(rows.X.mean(0), 0, atol=1e-13)
    np.testing.assert_allclose(rows.X.std(0), 1, rtol=1e-13)
    assert abs(rows.y.std() - 1) < 1e-13
    assert abs(rows.y_test.mean()) > 1e-3  # its own statistics took no part


def test_validation_rows_are_in_neither_part(folder):
    rows = load_problem("fifths", folder)
    targets = np.concatenate([rows.y, rows.y_test])
    assert len(np.unique(np.round(targets, 9))) == 65 + 21


def test_subset_keeps_the_scaling_of_the_whole(folder):
    whole, part = load_problem("fold", folder), load_problem("fold", folder, rows=20)
    assert part.X.shape == (20, 2)
    assert np.isin(np.round(part.y, 9), np.round(whole.y, 9)).all()


def test_published_numbers_of_rows():
    for n, train in ((40_000, 25_600), (63_608, 40_708)):
        n_test = -(-n // 5)
        assert n - n_test - -(-(n - n_test) // 5) == train


def test_parameters_survive_the_vector():
    theta = {"mean": -0.3, "variance": 2.0, "noise": 0.1, "lengthscale": [1.0, 4.0]}
    found = unpack(pack(theta))
    assert list(found) == list(theta)
    for name, value in theta.items():
        assert found[name] == pytest.approx(value)


def test_bfgs_finds_the_minimum_of_rosenbrock_and_stops_on_the_promise():
    seen = []

    def rosenbrock(x):
        a, b = 1 - x[0], x[1] - x[0] ** 2
        gradient = np.array([-2 * a - 400 * x[0] * b, 200 * b])
        return a**2 + 100 * b**2, gradient

    x, value, inverse = bfgs(
        rosenbrock, np.array([-1.2, 1.0]), np.eye(2) / 100, tol=1e-12, max_steps=100,
        keep=lambda *state: seen.append(state),
    )  # fmt: skip
    np.testing.assert_allclose(x, [1, 1], atol=1e-5)
    assert value < 1e-11
    promises = [state[-1] for state in seen]
    assert promises[-1] < 1e-12 <= min(promises[:-1])
    # The inverse Hessian at (1, 1) has determinant 1/400.
    assert np.linalg.det(inverse) == pytest.approx(1 / 400, rel=0.05)


def test_fixed_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(fixed, "FOLDER", tmp_path)
    end = {"mean": 0.4, "variance": 4.0, "noise": 1e-6, "lengthscale": [2.0, 50.0]}
    (tmp_path / "some.json").write_text(json.dumps({"parameters": end}))
    found = fixed.settings_of("some")
    assert list(found) == ["start", "middle", "converged", *(f"noise {v:g}" for v in fixed.NOISES)]
    assert found["converged"]["noise"] == 1e-4
    assert found["middle"]["mean"] == pytest.approx(0.2)
    assert found["middle"]["variance"] == pytest.approx((4 * 0.6931) ** 0.5)
    assert found["middle"]["lengthscale"][1] == pytest.approx((50 * 0.6931) ** 0.5)
    assert found["noise 0.01"] == {**end, "noise": 0.01}
    with pytest.raises(FileNotFoundError, match=r"benchmarks\.references"):
        fixed.settings_of("other")


def test_dense_values_are_found_again(tmp_path):
    path, theta = tmp_path / "dense.json", {"mean": 0.0, "noise": 0.1}
    reply = {"value": -3.5, "gradient": [1.0], "seconds": 2.0, "peak_bytes": 7}
    fixed.DenseValues(path).put("a", 100, "start", theta, reply, {"commit": "c"})
    again = fixed.DenseValues(path)
    assert again.get("a", 100, theta)["value"] == -3.5
    assert again.get("a", None, theta) is None
    assert again.get("a", 100, {**theta, "noise": 0.2}) is None


def test_finished_rows_stay_and_others_are_done_again(tmp_path):
    engines = {"x": Engine("m", "what", rival=False, rank=3), "y": Engine("m", "w", rival=True)}
    options = argparse.Namespace(threads=1, out=tmp_path / "r.json", resume=True, redo=None)
    document = opened("evidence", engines, {}, options)
    rows = [
        {"problem": "a", "engine": "x", "settings": {"rank": 3}, "status": "ok", "number": 1},
        {"problem": "b", "engine": "x", "settings": {"rank": 2}, "status": "ok"},
        {"problem": "c", "engine": "x", "settings": {"rank": 3}, "status": "failed: no memory"},
        {"problem": "a", "engine": "y", "settings": {}, "status": "ok"},
    ]
    for row in rows:
        add(document, row, options)
    add(document, {**rows[0], "number": 2}, options)
    again = opened("evidence", engines, {}, options)
    assert [(j["problem"], j["engine"], j.get("number")) for j in again["jobs"]] == [
        ("a", "y", None),
        ("a", "x", 2),
    ]
    wanted = [{"problem": p, "engine": e} for p in "abc" for e in "xy"]
    assert {"problem": "a", "engine": "x"} not in missing(again, wanted)
    assert len(missing(again, wanted)) == 4
    options.redo = ["x"]
    assert [j["engine"] for j in opened("evidence", engines, {}, options)["jobs"]] == ["y"]


def test_thinned_curve_keeps_its_ends():
    points = list(range(57))
    found = thinned(points)
    assert len(found) == SCORED
    assert (found[0], found[-1]) == (0, 56)
    assert thinned(points[:4]) == points[:4]


@pytest.mark.slow
def test_reference_is_a_maximum_and_is_taken_up_again(tmp_path, capsys):
    options = argparse.Namespace(
        out=tmp_path / "synthetic.json", data_dir=None, rows=None, subsets=[40], approach=False,
        subsets_only=False, tol=1e-6,
    )  # fmt: skip
    fit("synthetic", options)
    first = json.loads(options.out.read_text())
    assert first["done"]
    assert first["rows"] == 90
    assert np.linalg.norm(first["gradient"]) < 0.05
    assert first["parameters"]["noise"] == pytest.approx(0.09 / 0.5, rel=0.5)
    assert first["test"]["rmse"] < 0.6
    capsys.readouterr()
    fit("synthetic", options)
    assert capsys.readouterr().out == ""  # no evaluation
    assert json.loads(options.out.read_text())["parameters"] == first["parameters"]
