"""The command as people meet it: what it prints, what it writes, how it fails."""

import ast
import io
import json
import math
import re
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import gpkit.io
from gpkit import metrics
from gpkit.cli import CRITERIA, main
from gpkit.commands.terminal import watched
from gpkit.data import load
from gpkit.selection import CRITERIA as KNOWN_CRITERIA

ROOT = Path(__file__).resolve().parents[1]
FEW = ["--restarts", "0", "--max-steps", "15"]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    # The cache is a setting of the whole process: no test may switch it on.
    monkeypatch.setenv("GPKIT_CACHE", "off")
    monkeypatch.delenv("GPKIT_DATA", raising=False)
    monkeypatch.delenv("GPKIT_TRACEBACK", raising=False)


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


def gpkit_run(*args):
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr), pytest.raises(SystemExit) as ended:
        main([str(a) for a in args])
    return Result(ended.value.code, stdout.getvalue(), stderr.getvalue())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 24 rows: a number, a category, a constant, a column of text that is no input."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0, 10, 24).round(3)
    kind = np.array(["old", "new"])[np.arange(24) % 2]
    price = np.sin(size) + 3 * (kind == "new") + 0.1 * rng.standard_normal(24)
    frame = pd.DataFrame({"size": size, "kind": kind, "always": 7, "price": price, "colour": "red"})
    path = tmp_path_factory.mktemp("table") / "houses.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def selected(tmp_path_factory):
    """One run of select on the Nile, its output and its folder."""
    folder = tmp_path_factory.mktemp("select") / "new" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPKIT_CACHE", "off")
        result = gpkit_run(
            "select", "nile", "--candidates", "rbf; linear", *FEW, "--out", folder, "--seed", 3
        )
    assert result.exit_code == 0, result.stderr
    return result, folder


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    """One run of fit on the table, its output as JSON and its model."""
    model = tmp_path_factory.mktemp("fit") / "model.gpkit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GPKIT_CACHE", "off")
        options = ["--target", "price", "--drop", "colour", "--kernel", "rbf(size) + rbf(kind)"]
        result = gpkit_run("fit", table, *options, "--out", model, *FEW, "--json", "--quiet")
    assert result.exit_code == 0, result.stderr
    return result, model


def test_help_needs_neither_jax_nor_pandas():
    code = (
        "import runpy, sys; sys.argv = ['gpkit', '--help']\n"
        "try: runpy.run_module('gpkit', run_name='__main__')\n"
        "except SystemExit as end: print(end.code, {'jax', 'pandas', 'rich'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("Usage: gpkit ")
    assert found.stdout.endswith("0 set()\n")


def test_names_of_criteria_are_those_of_the_library():
    assert list(CRITERIA) == list(KNOWN_CRITERIA)


def test_select_prints_table_verdict_and_scores(selected):
    lines = selected[0].stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[2:4]] == ["rbf", "linear"]
    assert re.fullmatch(r"rbf or linear \(\d\.\d \+- \d\.\d nats\); predictions use rbf", lines[5])
    assert lines[7].split() == ["20", "test", "rows", "RMSE", "NLPD", "90%", "coverage"]
    assert [line.split("  ")[0] for line in lines[8:]] == ["rbf", "mean only"]


def test_select_tells_rows_memory_and_seconds_before_it_fits(selected):
    lines = selected[0].stderr.splitlines()
    assert lines[0] == "nile: volume_1e8_m3 from 1 column"
    assert lines[1] == "80 training rows, 20 test rows (split 0 of 1)"
    assert lines[3].split() == ["column", "type", "levels", "what", "is", "done", "with", "it"]
    assert lines[4].split() == ["year", "numeric", "standardised"]
    assert lines[5].split() == ["volume_1e8_m3", "numeric", "target"]
    assert re.fullmatch(r"gpkit: 80 rows, about \d+ [MK]B and \d+ s", lines[7])
    assert lines[-2].endswith("model.gpkit, comparison.csv, summary.json")
    assert lines[-1].startswith("drew ")


def test_select_writes_three_files_that_agree(selected):
    result, folder = selected
    assert sorted(p.name for p in folder.iterdir() if p.suffix != ".png") == [
        "comparison.csv", "model.gpkit", "summary.json"
    ]  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    ranked = pd.read_csv(folder / "comparison.csv", index_col="candidate")
    assert list(ranked.index) == [c["candidate"] for c in summary["candidates"]]
    assert summary["best"] == ranked.index[0] == "rbf"
    assert summary["undecided"] == list(ranked.index[ranked["decision"] == "undecided"])
    assert summary["verdict"] in result.stdout
    assert summary["columns"] == [
        {"name": "year", "type": "numeric", "levels": None, "action": "standardised"},
        {"name": "volume_1e8_m3", "type": "numeric", "levels": None, "action": "target"},
    ]
    assert summary["settings"]["seed"] == 3
    assert (summary["restarts"], summary["max_steps"]) == (0, 15)
    assert summary["seed"] == 3
    assert summary["versions"]["python"].startswith(f"{sys.version_info.major}.")
    assert gpkit.io.read_info(folder / "model.gpkit")["verdict"] == summary["verdict"]


def test_scores_are_those_of_the_model_file_on_the_registered_split(selected):
    _, folder = selected
    summary = json.loads((folder / "summary.json").read_text())
    nile = load("nile")
    train, test = nile.splits[0].train, nile.splits[0].test
    y = nile.frame[nile.target].to_numpy()
    predictor = gpkit.io.load(folder / "model.gpkit")
    assert predictor.targets == ("volume_1e8_m3",)
    mean, std = predictor.predict(nile.frame.iloc[test])
    expected = metrics.evaluate(y[test], mean, std)
    assert summary["test"] == pytest.approx({"rows": len(test), **expected}, rel=1e-12)
    trivial = np.full(len(test), y[train].mean()), np.full(len(test), y[train].std())
    assert summary["baseline"] == pytest.approx(metrics.evaluate(y[test], *trivial), rel=1e-12)


def test_fit_prints_one_json_and_nothing_but_notes_when_quiet(fitted):
    result, model = fitted
    summary = json.loads(result.stdout)
    assert summary["rows"] == {"table": 24, "train": 22, "test": 2, "split": "random, seed 0"}
    columns = {c["name"]: (c["type"], c["levels"], c["action"]) for c in summary["columns"]}
    assert columns == {
        "size": ("numeric", None, "standardised"),
        "kind": ("category", 2, "one 0/1 column for each level"),
        "price": ("numeric", None, "target"),
        "colour": (None, None, "left out: --drop"),
        "always": ("numeric", None, "left out: is constant (7)"),
    }
    assert "rbf(size, lengthscale=" in summary["kernel"]
    assert math.isfinite(summary["log_evidence"])
    lines = result.stderr.splitlines()
    assert lines[:2] == [
        "note: column 'colour' left out: --drop",
        "note: column 'always' left out: is constant (7)",
    ]
    assert lines[-2] == f"wrote {model}"
    assert all(line.startswith("note: ") for line in lines[:-2])


def test_predict_gives_one_row_for_each_row(fitted, tmp_path):
    _, model = fitted
    new = pd.DataFrame(
        {"comment": list("abcd"), "kind": ["new", "burnt", "old", "new"], "size": [1, 2, 3, None]}
    )
    new.to_csv(tmp_path / "new.csv", index=False)
    result = gpkit_run("predict", model, tmp_path / "new.csv", "--out", tmp_path / "pred.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    found = pd.read_csv(tmp_path / "pred.csv")
    names = ["price_mean", "price_std", "price_lower90", "price_upper90"]
    assert list(found.columns) == names
    assert list(found["price_mean"].isna()) == [False, True, False, True]
    assert result.stderr.splitlines() == [
        "note: columns that the model does not use: comment",
        f"wrote {tmp_path / 'pred.csv'}: 4 rows",
        "note: rows that can't be predicted are empty: 1 have no value in 'size' (first: line 5); "
        "1 have an unseen level in 'kind' (first: 'burnt', line 3)",
    ]
    mean, std = gpkit.io.load(model).predict(new.iloc[[0, 2]])
    found = found.iloc[[0, 2]]
    np.testing.assert_array_equal(found["price_mean"], mean)
    np.testing.assert_array_equal(found["price_std"], std)
    np.testing.assert_allclose(found["price_upper90"] - mean, 1.6448536269514722 * std)
    np.testing.assert_allclose(mean - found["price_lower90"], 1.6448536269514722 * std)


def test_predict_without_out_prints_the_same_csv(fitted, tmp_path, table):
    _, model = fitted
    written = gpkit_run("predict", model, table, "--out", tmp_path / "a.csv")
    printed = gpkit_run("predict", model, table)
    assert (written.exit_code, printed.exit_code) == (0, 0)
    assert printed.stdout == (tmp_path / "a.csv").read_text()
    assert len(printed.stdout.splitlines()) == 25


def test_a_transform_of_the_target_and_a_checkpoint(tmp_path):
    args = ["fit", "nile", "--kernel", "rbf", *FEW, "--json", "--quiet", "--split", "none"]
    files = ["--out", tmp_path / "m.gpkit", "--checkpoint", tmp_path / "m.checkpoint"]
    first = gpkit_run(*args, *files, "--target-transform", "log")
    assert first.exit_code == 0, first.stderr
    assert (tmp_path / "m.checkpoint").exists()
    # The state that is kept is that of the end: nothing is fitted again.
    again = gpkit_run(*args, *files, "--target-transform", "log")
    evidence = [json.loads(r.stdout)["log_evidence"] for r in (first, again)]
    assert evidence[0] == evidence[1]
    # Another task does not go on from it.
    other = gpkit_run(*args, *files)
    assert other.exit_code == 2
    assert other.stderr.splitlines()[-1].startswith("error: ")
    printed = gpkit_run("predict", tmp_path / "m.gpkit", "nile", "--quiet")
    found = pd.read_csv(io.StringIO(printed.stdout))
    predictor = gpkit.io.load(tmp_path / "m.gpkit")
    mean, _ = predictor.predict(load("nile").frame)
    np.testing.assert_array_equal(found["volume_1e8_m3_mean"], mean)
    # The interval is that of quantiles: not in the middle of it lies the mean.
    lower, upper = predictor.quantiles(load("nile").frame, (0.05, 0.95)).T
    np.testing.assert_array_equal(found["volume_1e8_m3_lower90"], lower)
    np.testing.assert_array_equal(found["volume_1e8_m3_upper90"], upper)
    assert np.all(upper + lower > 2 * mean)


def test_ctrl_c_keeps_and_writes_what_is_finished(monkeypatch, tmp_path):
    @contextmanager
    def interrupting(*, quiet):
        def progress(event):
            if event.stage == "candidate" and event.step == 1:
                raise KeyboardInterrupt

        with watched(quiet=quiet):
            yield progress

    monkeypatch.setattr("gpkit.commands.select.watched", interrupting)
    result = gpkit_run(
        "select", "nile", "--candidates", "rbf; linear", *FEW, "--out", tmp_path, "--quiet"
    )
    assert result.exit_code == 130
    assert "note: interrupted: not all candidates were fitted" in result.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [c["candidate"] for c in summary["candidates"]] == ["rbf"]
    assert gpkit.io.load(tmp_path / "model.gpkit").num_rows == 80


def test_ctrl_c_before_anything_is_finished(monkeypatch, table, tmp_path):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("gpkit.commands.select.load_work", interrupt)
    result = gpkit_run("select", table, "--out", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "interrupted: nothing was finished, nothing is written\n"
    assert not (tmp_path / "out").exists()


ERRORS = {
    "a near miss of a column": (
        ["select", "TABLE", "--target", "pric"],
        "error: target names 'pric', which is no column; did you mean 'price'?",
    ),
    "a near miss of an input": (
        ["select", "TABLE", "--target", "price", "--inputs", "sizes,kind"],
        "error: inputs names 'sizes', which is no column; did you mean 'size'?",
    ),
    "a near miss of a data set": (["select", "concret"], "did you mean 'concrete'?"),
    "no such file": (["select", "TMP/none.csv"], "error: there is no file "),
    "text as target": (
        ["select", "TABLE"],
        "column 'colour' is a target but holds text, such as 'red' (line 2) (it is the last "
        "column; no --target was given); gpkit does regression: choose a column of numbers with "
        "--target ('size', 'always', 'price'), or use a classifier for classes",
    ),
    "a near miss of a file": (["select", "TMP/../TABLE.gz"], "error: there is no file"),
    "an unknown optimiser": (
        ["select", "nile", "--optimizer", "newton"],
        "error: optimizer must be lbfgs, none, or one of adam",
    ),
    "a file of settings that is not there": (
        ["select", "nile", "--config", "TMP/run.toml"],
        "run.toml: No such file or directory",
    ),
    "two ways to test": (
        ["select", "nile", "--split", "0", "--test-fraction", "0.2"],
        "error: --split 0 and --test-fraction exclude each other",
    ),
    "no such split": (["select", "nile", "--split", "1"], "has the splits 0 to 0"),
    "a split of a file": (
        ["select", "TABLE", "--target", "price", "--split", "0"],
        "this table has no registered splits",
    ),
    "an expression": (
        ["fit", "nile", "--kernel", "rbf(yeer)", "--out", "TMP/m.gpkit"],
        "did you mean year? (at character 5 of 'rbf(yeer)')",
    ),
    "a folder that is a file": (
        ["select", "nile", "--out", "TABLE"],
        "can't write into this folder: a file of this name is in the way",
    ),
    "a folder that is not there": (
        ["fit", "nile", "--out", "TMP/no/m.gpkit"],
        "there is no folder ",
    ),
    "a file that is a folder": (["fit", "nile", "--out", "TMP"], "is a folder; name a file in it"),
    "not a model": (["predict", "TABLE", "TABLE"], "not a gpkit file"),
    "no model": (["predict", "TMP/m.gpkit", "TABLE"], "m.gpkit: can't read this file"),
    "memory": (["select", "nile", "--memory", "much"], "error: memory must be bytes or a size"),
    "no data folder": (["datasets", "--data-dir", "TMP/none"], "there is no folder"),
    "a data set elsewhere": (["select", "uci/yacht"], "--data-dir"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_one_message_and_exit_code_2(name, table, tmp_path):
    args, message = ERRORS[name]
    result = gpkit_run(
        *(a.replace("TABLE", str(table)).replace("TMP", str(tmp_path)) for a in args)
    )
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("error: ") == 1
    assert result.stderr.splitlines()[-1].startswith("error: ")


def test_predict_suggests_the_column_that_was_meant(fitted, tmp_path):
    (tmp_path / "new.csv").write_text("sise,kind\n1,new\n")
    result = gpkit_run("predict", fitted[1], tmp_path / "new.csv")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the table lacks 'size'")
    assert "'sise'" in result.stderr


def test_predict_without_a_row_that_can_be_predicted(fitted, tmp_path):
    (tmp_path / "new.csv").write_text("size,kind\n1,burnt\n")
    result = gpkit_run("predict", fitted[1], tmp_path / "new.csv")
    assert result.exit_code == 2
    assert "no row can be predicted: 1 have an unseen level in 'kind'" in result.stderr
    (tmp_path / "new.csv").write_text("size,kind\n1,new\nbig,old\n")
    result = gpkit_run("predict", fitted[1], tmp_path / "new.csv")
    assert result.stderr == (
        "error: column 'size', line 3: 'big' is no number; correct it or leave the cell empty\n"
    )


USAGE = {
    "an option": (["select", "nile", "--criterium", "bic"], "Did you mean '--criterion'?"),
    "a command": (["selct", "nile"], "No such command 'selct'"),
    "a split": (["select", "nile", "--split", "first"], "'first' is none of random, none, time"),
    "a number": (["select", "nile", "--seed", "x"], "Invalid value for '--seed'"),
    "nothing to read": (["select"], "Missing argument 'DATA' (gpkit select --help)"),
    "nowhere to write": (["fit", "nile"], "Missing option '--out'"),
}


@pytest.mark.parametrize("name", USAGE)
def test_usage_errors_are_one_line_too(name):
    args, message = USAGE[name]
    result = gpkit_run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_help_and_nothing_at_all_are_no_errors():
    assert gpkit_run("--help").exit_code == 0
    bare = gpkit_run()
    assert (bare.exit_code, bare.stderr) == (0, "")
    assert "Usage: gpkit" in bare.stdout
    lines = gpkit_run("select", "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80


def test_settings_from_a_file_and_the_command_line_wins(table, tmp_path, monkeypatch):
    seen = {}

    def run(settings, **options):
        seen.update(options, settings=settings)
        return 0

    monkeypatch.setattr("gpkit.commands.select.run", run)
    config = tmp_path / "run.toml"
    config.write_text(
        f"data = {str(table)!r}\ntarget = 'price'\ndrop = ['colour', 'a, b']\nseed = 7\n"
        "max_steps = 15\ncandidates = ['rbf', 'linear']\nquiet = true\nkernel = 'rbf'\n"
        "standardize = false\nsplit = 3\n"
    )
    assert gpkit_run("select", "--config", config, "--seed", "8", "--split", "time").exit_code == 0
    settings = seen["settings"]
    assert (settings.data, settings.target) == (str(table), "price")
    assert settings.drop == ("colour", "a, b")
    assert (settings.seed, settings.max_steps, settings.split) == (8, 15, "time")
    assert (settings.quiet, settings.standardize, settings.restarts) == (True, False, None)
    assert seen["candidates"] == ("rbf", "linear")
    config.write_text("serd = 7\n")
    result = gpkit_run("select", "nile", "--config", config)
    assert result.exit_code == 2
    assert result.stderr == f"error: {config}: unknown key 'serd'; did you mean 'seed'?\n"
    config.write_text("seed = 'many'\n")
    assert "Invalid value for '--seed'" in gpkit_run("fit", "nile", "--config", config).stderr


@pytest.mark.parametrize("encoding", ["cp437", "cp1252", "ascii"])
def test_a_terminal_without_the_letters_of_a_name_spells_them_out(tmp_path, encoding, table):
    path = tmp_path / "t.csv"
    path.write_text("größe,温度\n1,a\n2,b\n", encoding="utf-8")
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    with redirect_stderr(stream), pytest.raises(SystemExit, match="2"):
        main(["select", str(path)])
    stream.flush()
    words = stream.buffer.getvalue().decode(encoding)
    assert r"column '\u6e29\u5ea6' is a target but holds text" in words
    assert ("größe" in words) == (encoding != "ascii")


def test_words_of_the_command_are_ascii():
    # Docstrings aside: they reach no terminal, but for those of the commands.
    for path in [*(ROOT / "gpkit" / "commands").glob("*.py"), ROOT / "gpkit" / "cli.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        assert all(text.isascii() for text in texts if isinstance(text, str)), path.name


def test_mistakes_of_our_own_are_not_hidden(monkeypatch, table):
    def broken(*args):
        raise RuntimeError("a mistake")

    monkeypatch.setattr("gpkit.commands.select.load_work", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["select", str(table)])


def test_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("GPKIT_TRACEBACK", "1")
    with pytest.raises(ValueError, match="concret"):
        main(["select", "concret"])


def test_datasets_lists_what_ships():
    result = gpkit_run("datasets")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    nile = lines.index(next(line for line in lines if line.startswith("nile ")))
    assert lines[nile].split() == ["nile", "100", "1", "public", "domain", "volume_1e8_m3"]
    assert lines[nile + 1].strip() == "Yearly flow of the Nile at Aswan, 1871 to"
    assert "From a folder named by --data-dir or GPKIT_DATA: uci/airfoil, " in result.stdout


def test_datasets_as_json_tells_what_a_folder_adds(tmp_path):
    file = tmp_path / "uci" / "yacht" / "data.csv.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    result = gpkit_run("datasets", "--json", "--data-dir", tmp_path)
    found = {d["name"]: d for d in json.loads(result.stdout)["datasets"]}
    assert found["nile"]["ships"]
    assert found["nile"]["available"]
    assert (found["nile"]["n"], found["nile"]["d"]) == (100, 1)
    assert found["uci/yacht"]["available"]
    assert not found["uci/yacht"]["ships"]
    assert not found["uci/energy"]["available"]
