"""Every Python block of the README runs, its facts hold, and so do the examples in docstrings."""

import doctest
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
WITH_EXAMPLES = [
    path for path in sorted((ROOT / "gpkit").rglob("*.py")) if ">>> " in path.read_text("utf-8")
]


def test_the_readme_has_a_short_and_a_functional_example():
    assert len(BLOCKS) == 2
    assert len(BLOCKS[0].splitlines()) == 5


@pytest.mark.parametrize("block", BLOCKS, ids=["estimators", "functional"])
def test_python_blocks_run_and_print(block, capsys):
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
    assert re.search(r"is best by evidence|predictions use", capsys.readouterr().out)


def test_both_commands_stand_in_the_readme():
    lines = TEXT.splitlines()
    assert "    python -m pip install -e . && gpkit select concrete --out results/concrete" in lines
    assert '    python -m pip install -e ".[test]" && python -m pytest -q -m "not slow"' in lines


def test_files_that_the_readme_names_exist():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT)
    assert pictures == ["docs/comparison.png"]
    names = re.findall(r"`((?:gpkit|datasets|docs)/[\w./]+)`", TEXT)
    for name in (*pictures, *names):
        assert (ROOT / name).exists(), name


def test_layers_and_modules_of_the_architecture_exist():
    drawing = re.search(r"^_types, results.*?^data ", TEXT, re.DOTALL | re.MULTILINE)
    assert drawing is not None
    layers = re.findall(r"\w+", drawing[0])
    for name in layers:
        assert importlib.util.find_spec(f"gpkit.{name}") is not None, name


def test_extras_named_in_the_readme_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.search(r"Extras: (.*?)\.\n", TEXT, re.DOTALL)
    assert named is not None
    assert set(re.findall(r"`(\w+)`", named[1])) == set(project["optional-dependencies"])


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
