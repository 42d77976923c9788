"""All pictures of a model: which ones, and as files."""

import io
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import gpkit as gp
from gpkit.operators import covariance
from gpkit.report import pictures
from gpkit.report.pictures import NAMES, as_png, draw_pictures
from gpkit.solvers import Iterative
from gpkit.solvers.deferred import DeferredFactor


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


def deferred(n):
    """What an iterative posterior of so many rows keeps."""
    model = gp.GP(gp.kernels.Matern32([1.0, 2.0]), noise=gp.noise.Gaussian(0.1))
    H, key = covariance(model, jnp.zeros((n, 2))), jax.random.key_data(jax.random.key(0))
    factor = DeferredFactor(H=H, solver=Iterative(), key_data=key, status=jnp.zeros((), "int32"))
    return SimpleNamespace(factor=factor)


def test_standard_deviations_that_take_minutes_are_not_drawn(mixed, monkeypatch):
    assert pictures._dear(SimpleNamespace(factor=None)) is None
    assert pictures._dear(deferred(5000)) is None
    why = pictures._dear(deferred(40_000))
    assert "of a thousand rows from 40000 take about" in why
    assert "within 4 GB; raise memory" in why
    model, X, y = mixed
    monkeypatch.setattr(pictures, "_dear", lambda _: why)
    drawn = draw_pictures(model, X, y, held_out=(X, y), result=model)
    assert set(drawn.figures) == {"relevance", "history"}
    assert drawn.notes == (f"no picture of predictions and calibration: {why}",)
