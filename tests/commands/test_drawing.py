"""Pictures of the commands: which rows they show, which files they leave behind."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from gpkit.commands import drawing
from gpkit.commands.loading import Part
from gpkit.data.columns import infer_frame
from gpkit.report.pictures import Pictures

X = pd.DataFrame({"size": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})


@pytest.fixture
def asked(monkeypatch):
    """What the drawing is asked for; it draws two pictures and misses one."""
    calls = []

    def draw(predictor, X, y, **given):
        calls.append((predictor, X, y, given))
        return Pictures({"history": Figure(), "predictions": Figure()}, ("no picture 'relevance'",))

    monkeypatch.setattr(drawing, "draw_pictures", draw)
    return calls


def work(test):
    train = Part(X, np.arange(3.0))
    return SimpleNamespace(train=train, test=test, target="price")


def predictor():
    return SimpleNamespace(encoder=SimpleNamespace(schema=infer_frame(X)[0]))


def test_files_of_this_run_take_the_place_of_those_of_an_earlier_one(asked, tmp_path, capsys):
    folder = tmp_path / "new"
    folder.mkdir()
    for name in ("calibration.png", "history.png", "mine.png"):
        (folder / name).write_text("old")
    names = drawing.write_pictures(folder, predictor(), work(None), comparison=1, result=2)
    assert names == "history.png, predictions.png"
    assert sorted(p.name for p in folder.iterdir()) == [
        "history.png",
        "mine.png",
        "predictions.png",
    ]
    assert (folder / "history.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().err == "note: no picture 'relevance'\n"
    (call,) = asked
    assert call[3] == {"held_out": None, "comparison": 1, "result": 2, "target": "price"}


def test_test_rows_that_no_model_can_predict_are_left_out(asked, tmp_path):
    rows = pd.DataFrame({"size": [1.0, np.nan, 3.0, 4.0], "kind": ["a", "a", "new", "b"]})
    drawing.write_pictures(tmp_path, predictor(), work(Part(rows, np.arange(4.0))))
    kept, y = asked[0][3]["held_out"]
    assert kept["size"].tolist() == [1.0, 4.0]
    assert y.tolist() == [0.0, 3.0]
    drawing.write_pictures(tmp_path, predictor(), work(Part(rows[1:3], np.arange(2.0))))
    assert asked[1][3]["held_out"] is None
