"""Histories: every run, relative to the best value of all."""

import numpy as np
import pytest

from gpkit.fitting import FitResult
from gpkit.fitting.loop import History, Run
from gpkit.report.history import history_figure
from gpkit.results import Status


def run(values, status=Status.SUCCESS):
    n = len(values)
    history = History(np.array(values, float), np.zeros(n), np.ones(n), np.zeros(n))
    return Run(np.zeros(1), min(values), values[0], status, 0, 0.0, history)


def result(*runs):
    return FitResult(None, 0.0, 0.0, 0.0, Status.SUCCESS, runs[0].history if runs else None, runs)


def test_gaps_to_the_best_value_of_all_runs():
    figure = history_figure(result(run([9, 5, 4]), run([30, 3, 2.0]), run([8], Status.ABANDONED)))
    lines = figure.axes[0].get_lines()
    np.testing.assert_allclose(lines[0].get_ydata(), [7, 3, 2])
    np.testing.assert_allclose(lines[1].get_ydata(), [28, 1, 1e-3])
    assert [line.get_label() for line in lines] == [
        "run 1: ok",
        "run 2: ok, best",
        "run 3: abandoned",
    ]
    assert figure.axes[0].get_yscale() == "log"
    for look in ("get_color", "get_linestyle", "get_marker"):
        assert len({str(getattr(line, look)()) for line in lines}) == 3


def test_values_that_are_not_finite_are_gaps():
    lines = history_figure(result(run([3.0, 1.0]), run([np.inf]))).axes[0].get_lines()
    assert np.isnan(lines[1].get_ydata()).all()


def test_estimators_and_comparisons_bring_their_best_fit(mixed, stacked):
    regressor, selector = mixed[0], stacked[0]
    count = len(regressor.result_.runs)
    assert len(history_figure(regressor).axes[0].get_lines()) == count == 2
    best = selector.comparison_.best_
    drawn = [history_figure(x) for x in (selector, selector.comparison_, best, best.fit)]
    data = [figure.axes[0].get_lines()[0].get_xydata() for figure in drawn]
    for other in data[1:]:
        np.testing.assert_array_equal(other, data[0])


def test_nothing_to_draw_is_said():
    with pytest.raises(TypeError, match=r"a history needs a FitResult.*got float"):
        history_figure(1.0)
    with pytest.raises(ValueError, match="nothing was optimised"):
        history_figure(result())
    with pytest.raises(ValueError, match="no run has a finite value"):
        history_figure(result(run([np.inf])))
