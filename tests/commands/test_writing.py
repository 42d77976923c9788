"""Files: whole or not at all, and places that can't be written to are known before the work."""

import json
import os

import numpy as np
import pytest

from gpkit.commands.writing import prepare_file, prepare_folder, to_json, write_text


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old\n")
    write_text(path, "new é\n")
    assert path.read_bytes() == "new é\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(*args):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_folders_are_made_and_left_empty(tmp_path):
    assert prepare_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert os.listdir(tmp_path / "a" / "b") == []


def test_folders_that_refuse_are_named(tmp_path, monkeypatch):
    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gpkit.commands.writing.tempfile.TemporaryFile", refuse)
    with pytest.raises(PermissionError, match="can't write into this folder: Permission denied"):
        prepare_folder(tmp_path)
    with pytest.raises(PermissionError, match="can't write into this folder"):
        prepare_file(tmp_path / "a")


def test_a_bare_file_name_lies_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(prepare_file("a.csv")) == "a.csv"


def test_json_is_strict():
    record = {
        "a": np.float64(0.1),
        "b": (np.int64(3), np.bool_(True)),
        "c": float("nan"),
        "d": {"e": -np.inf, 1: None},
    }
    text = to_json(record)
    assert json.loads(text) == {"a": 0.1, "b": [3, True], "c": None, "d": {"e": None, "1": None}}
    assert text.endswith("}\n")
    assert "NaN" not in text
