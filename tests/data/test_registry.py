"""Data sets by name: files and checksums, numbers of rows and inputs, where files are found."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gpkit.data import catalogue, entries, load, locate, names, registry

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [entry for entry in entries() if entry.ships]
EXTERNAL = [entry for entry in entries() if not entry.ships]
# Loading these takes seconds.
LARGE = ("big/houseelectric", "big/nycflights13")


def _id(entry):
    return entry.name


def test_what_ships():
    assert [entry.name for entry in SHIPPED] == [
        "concrete", "energy", "yacht", "wine", "power", "co2_weekly", "co2_monthly", "nile",
        "nycflights13",
    ]  # fmt: skip
    assert len(set(names())) == len(names()) == len(entries())
    assert tuple(SHIPPED) == catalogue.SHIPPED


@pytest.mark.parametrize("entry", SHIPPED, ids=_id)
def test_a_shipped_file_is_the_one_described(entry):
    path = locate(entry)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    row = next(
        line
        for line in (ROOT / "datasets" / "README.md").read_text().splitlines()
        if line.startswith(f"| {entry.name} |")
    )
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:3] == [str(entry.n), str(entry.d)]
    assert cells[3].split()[0] == entry.target
    assert cells[5] == entry.licence
    assert cells[6] == f"`{entry.sha256}`"


def _check(entry, table):
    data = table.dataset()
    assert len(table.frame) == entry.n
    assert len(table.inputs) == entry.d
    assert entry.target not in table.inputs
    assert set(data.names) | {name for name, _ in data.dropped} == set(entry.inputs)
    assert np.isfinite(data.X).all()
    for split in table.splits_of(data):
        assert len(split.train) + len(split.test) == data.n
        assert len(split.train) >= len(split.test) or "spatial" in entry.name
    return data


@pytest.mark.parametrize("entry", SHIPPED, ids=_id)
def test_a_shipped_set_loads_as_described(entry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPKIT_DATA", raising=False)
    data = _check(entry, load(entry.name))
    assert data.dropped == ()
    assert sum((ROOT / "datasets" / e.file).stat().st_size for e in SHIPPED) < 250e3


@pytest.mark.parametrize("entry", [e for e in EXTERNAL if e.name not in LARGE], ids=_id)
def test_an_external_set_loads_as_described(entry, data_dir):
    path = locate(entry, data_dir=data_dir)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    _check(entry, load(entry.name, data_dir=data_dir))


@pytest.mark.slow
@pytest.mark.parametrize("entry", [e for e in EXTERNAL if e.name in LARGE], ids=_id)
def test_a_large_set_loads_as_described(entry, data_dir):
    _check(entry, load(entry.name, data_dir=data_dir))


@pytest.mark.parametrize("name", ["concrete", "energy", "yacht", "wine", "power"])
def test_shipped_values_are_those_of_the_benchmark(name, data_dir):
    raw = pd.read_csv(data_dir / "uci20" / name / "data.csv.gz", header=None).to_numpy()
    np.testing.assert_array_equal(load(name).frame.to_numpy(), raw)
    table, bench = load(name), load(f"uci20/{name}", data_dir=data_dir)
    np.testing.assert_array_equal(table.splits[7].test, bench.splits[7].test)


@pytest.mark.slow
def test_the_flight_sample_is_drawn_as_the_readme_says(data_dir):
    whole = load("big/nycflights13", data_dir=data_dir)
    rows = np.sort(np.random.RandomState(2013).choice(len(whole.frame), 2000, replace=False))
    sample = load("nycflights13")
    pd.testing.assert_frame_equal(
        sample.frame, whole.frame.iloc[rows].reset_index(drop=True), check_dtype=False
    )


def test_flights_keep_categories_and_gaps():
    table = load("nycflights13")
    assert table.missing == "drop"
    data = table.dataset()
    assert data.n == 2000 - 386
    kinds = {column.name: column.kind.value for column in data.columns}
    assert [name for name, kind in kinds.items() if kind == "category"] == [
        "carrier", "origin", "dest",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="contains NaN"):
        table.dataset(missing="error")


def test_leaks_are_no_inputs(data_dir):
    assert load("co2_monthly").inputs == ("decimal_year",)
    bike = load("uci/bike", data_dir=data_dir)
    assert len(bike.inputs) == 15
    assert not {"x15", "x16"} & set(bike.inputs)


def test_options_replace_the_default_task():
    table = load("concrete")
    data = table.dataset(target="age_day", drop=["water_kg_m3"])
    assert data.targets == ("age_day",)
    assert len(data.names) == 6
    assert "age_day" not in data.names


def test_a_suffix_makes_it_a_file_and_no_suffix_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    frame.to_csv("nile.csv", index=False)
    frame.to_csv("nile", index=False)
    table = load("nile.csv")
    assert (table.target, table.inputs, table.splits, table.entry) == ("b", ("a",), (), None)
    np.testing.assert_array_equal(table.dataset().y, [3.0, 5.0])
    assert load("nile").entry.name == "nile"
    assert load(Path("nile.csv")).target == "b"


def test_the_data_folder_comes_from_the_argument_then_the_environment(tmp_path, monkeypatch):
    for folder, value in (("one", 1.0), ("two", 2.0)):
        (tmp_path / folder / "classic").mkdir(parents=True)
        frame = pd.DataFrame({"times": np.arange(20.0), "accel": value})
        frame.to_csv(tmp_path / folder / "classic" / "mcycle.csv", index=False)
    monkeypatch.setenv("GPKIT_DATA", str(tmp_path / "one"))
    assert load("classic/mcycle").frame["accel"][0] == 1.0
    assert load("classic/mcycle", data_dir=tmp_path / "two").frame["accel"][0] == 2.0


def test_a_missing_folder_or_set_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("GPKIT_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"--data-dir.*GPKIT_DATA"):
        load("uci/elevators")
    with pytest.raises(FileNotFoundError, match=r"not in the data.*--data-dir.*GPKIT_DATA"):
        load("uci/elevators", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("concret", "did you mean 'concrete'"), ("zzz", "gpkit datasets lists them")],
)
def test_unknown_names_get_a_hint(name, message):
    with pytest.raises(ValueError, match=message):
        load(name)


def test_a_file_of_one_column_is_no_table(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    with pytest.raises(ValueError, match="inputs and a target are needed"):
        load(tmp_path / "t.csv")


def test_the_package_comes_before_the_repository(tmp_path, monkeypatch):
    # What a wheel holds: the folder `datasets` inside the package.
    inside = tmp_path / "datasets" / "nile.csv"
    inside.parent.mkdir()
    monkeypatch.setattr(registry.resources, "files", lambda package: tmp_path)
    nile = next(entry for entry in SHIPPED if entry.name == "nile")
    assert locate(nile) == ROOT / "datasets" / "nile.csv"
    inside.write_text("time,value\n1,2\n")
    assert locate(nile) == inside


@pytest.mark.slow
def test_a_wheel_brings_the_data_sets(tmp_path):
    pip = [sys.executable, "-m", "pip"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
    )
    if built.returncode and "hatchling" in built.stderr:
        pytest.skip("the build backend hatchling can't be had here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import gpkit, gpkit.data as d; print(gpkit.__file__);"
        "print([len(d.load(e.name).frame) == e.n for e in d.entries() if e.ships])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    where, loaded = ran.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path / "site")
    assert loaded == str([True] * len(SHIPPED))
