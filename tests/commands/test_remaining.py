"""What is said of the time that a command still takes."""

import numpy as np
import pytest

from gpkit.commands.remaining import Remaining
from gpkit.results import Event


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def remaining(clock):
    return Remaining(now=lambda: clock[0])


def test_nothing_is_known_without_a_plan(remaining):
    remaining.seen(Event("run 1 of 5", 3, 200, 1.0))
    assert remaining.seconds() is None
    assert remaining.text() == ""


def test_the_plan_counts_down(remaining, clock):
    clock[0] += 50
    remaining.seen(Event("plan", 0, None, 600.0))
    clock[0] += 120
    assert remaining.seconds() == pytest.approx(480)
    assert remaining.text() == ", about 8 min left"
    clock[0] += 420
    assert remaining.text() == ", about 60 s left"
    clock[0] += 61
    assert remaining.text() == ""


def test_candidates_that_are_done_tell_more_than_the_plan(remaining, clock):
    remaining.seen(Event("plan", 0, None, 10.0))
    remaining.seen(Event("candidate", 0, 4, np.nan, "rbf"))
    clock[0] += 3600
    remaining.seen(Event("candidate", 1, 4, np.nan, "matern32"))
    assert remaining.text() == ", about 3.0 h left"
    # The second part of a selection has a plan of its own.
    remaining.seen(Event("plan", 0, None, 30.0))
    assert remaining.text() == ", about 30 s left"
