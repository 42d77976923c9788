"""Options of the command as arguments of the estimators."""

import optax
import pytest

from gpkit.commands.running import estimator_options, make_optimizer
from gpkit.estimators import GPRegressor, GPSelector


def test_what_was_not_asked_for_keeps_the_default_of_the_estimator(settings):
    options = estimator_options(settings("nile", restarts=None, max_steps=None))
    assert options == {"random_state": 0, "verbose": 0}
    for estimator in (GPRegressor(**options), GPSelector(**options)):
        default = type(estimator)()
        assert estimator.n_restarts == default.n_restarts
        assert estimator.max_steps == default.max_steps


def test_what_was_asked_for_arrives(settings):
    asked = {"mean": "linear", "noise": "none", "prior": "none", "optimizer": "none",
             "standardize": False, "budget": 5.0, "memory": "1GB"}  # fmt: skip
    options = estimator_options(settings("nile", restarts=3, max_steps=7, **asked))
    assert options["prior"] is options["optimizer"] is None
    found = GPRegressor(**options).get_params()
    expected = {"mean": "linear", "noise": "none", "n_restarts": 3, "max_steps": 7,
                "standardize": False, "budget": 5.0, "memory": "1GB"}  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert estimator_options(settings("nile", prior="default"))["prior"] == "default"
    assert estimator_options(settings("nile", target_transform="log"))["target_transform"] == "log"
    assert "target_transform" not in estimator_options(settings("nile", target_transform="none"))


@pytest.mark.parametrize("text", ["adam", "adam(0.05)", "sgd( 1e-3 )", "rmsprop"])
def test_optimisers_of_optax_by_name(text):
    assert isinstance(make_optimizer(text), optax.GradientTransformation)


@pytest.mark.parametrize("text", ["newton", "adam(-1)", "adam(x)", "adam(1e999)", "adam(", ""])
def test_other_optimisers_are_refused(text):
    with pytest.raises(
        ValueError, match=r"optimizer must be lbfgs, none|step size of the optimizer"
    ):
        make_optimizer(text)


def test_lbfgs_is_the_own_one():
    assert make_optimizer("lbfgs") == "lbfgs"
