"""All pictures of a model: which ones, and as files."""

import io

import numpy as np
import pytest
from PIL import Image

from gpkit.report.pictures import NAMES, as_png, draw_pictures


def test_a_model_of_several_inputs_has_all_of_them(mixed, stacked):
    model, X, y = mixed
    comparison = stacked[0].comparison_
    drawn = draw_pictures(
        model, X, y, held_out=(X, y), comparison=comparison, result=model, target="price"
    )
    assert drawn.notes == ()
    assert set(drawn.figures) == set(NAMES)
    for name, figure in drawn.figures.items():
        content = as_png(figure, dpi=40)
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
        assert pixels.min() < 80, name
        # Grey alone must do: a print in black and white.
        assert len(np.unique(pixels)) > 20, name
    assert as_png(drawn.figures["history"]) == as_png(drawn.figures["history"])


def test_one_input_has_a_curve_and_no_relevance(stacked):
    model, X, y = stacked
    drawn = draw_pictures(model, X, y)
    assert list(drawn.figures) == ["predictions"]
    assert drawn.figures["predictions"].axes[0].get_xlabel() == "wide"


def test_what_cannot_be_drawn_is_told(mixed):
    model, X, y = mixed
    drawn = draw_pictures(model, X, y, result=model.result_._replace(runs=()))
    assert set(drawn.figures) == {"predictions", "relevance"}
    (note,) = drawn.notes
    assert note.startswith("no picture 'history': nothing was optimised")
    with pytest.raises(TypeError, match="got dict"):
        draw_pictures({}, X, y)
