"""Settings from TOML: keys are options, mistakes are named."""

import pytest

from gpkit.commands.config import read_config

KNOWN = {"target": "target", "inputs": "inputs", "max-steps": "max_steps", "json": "as_json",
         "candidate": "more", "candidates": "candidates"}  # fmt: skip


@pytest.fixture
def config(tmp_path):
    def read(text):
        (tmp_path / "run.toml").write_text(text)
        return read_config(str(tmp_path / "run.toml"), KNOWN, {"kernel"})

    return read


def test_values_come_in_the_form_of_the_command_line(config):
    text = """
    target = "price"
    inputs = ["a", "b, c"]
    max_steps = 30
    json = true
    candidate = "rbf"
    candidates = ["rbf", "linear"]
    kernel = "of another command"
    """
    assert config(text) == {
        "target": "price",
        "inputs": 'a,"b, c"',
        "max_steps": "30",
        "as_json": True,
        "more": ("rbf",),
        "candidates": "rbf; linear",
    }
    assert config("max-steps = 30") == {"max_steps": "30"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tagret = 'y'", r"run.toml: unknown key 'tagret'; did you mean 'target'\?"),
        ("zzz = 1", "unknown key 'zzz'; keys: target, inputs"),
        ("target = ", "not TOML"),
        ("target = {a = 1}", "target must be text, a number"),
        ("inputs = [[1]]", "inputs must be a list of names"),
        ("target = 2020-01-01", "target must be text"),
    ],
)
def test_mistakes_are_named(config, text, message):
    with pytest.raises(ValueError, match=message):
        config(text)
