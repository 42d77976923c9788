"""The public face: every name resolves, is listed where a checker looks, and explains itself."""

import ast
import inspect
import types
from pathlib import Path

import pytest

import gpkit

FACE = Path(gpkit.__file__)

# Section 3 of the design: what users write.
PROMISED = """
    GP Estimate GPRegressor GPSelector compare condition fit kernels load log_evidence means
    noise params replace save solvers val
"""


def test_promised_names_are_there():
    assert set(PROMISED.split()) <= set(gpkit.__all__)


def test_every_name_resolves_to_one_thing_with_a_docstring():
    for name in gpkit.__all__:
        thing = getattr(gpkit, name)
        assert getattr(gpkit, name) is thing
        assert len((inspect.getdoc(thing) or "").split()) > 1, f"{name} has no docstring"


def test_names_are_listed():
    assert len(set(gpkit.__all__)) == len(gpkit.__all__)
    assert set(dir(gpkit)) == {*gpkit.__all__, "__version__"}
    assert gpkit.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="module 'gpkit' has no attribute 'nothing'"):
        _ = gpkit.nothing


def test_the_list_for_type_checkers_equals_the_lazy_one():
    tree = ast.parse(FACE.read_text(encoding="utf-8"))
    (block,) = [n for n in tree.body if isinstance(n, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    static = {}
    for node in block.body:
        for alias in node.names:
            # `as` with the same name is what makes a re-export explicit.
            assert alias.asname == alias.name
            static[alias.name] = node.module
    lazy = {**gpkit._HOME, **dict.fromkeys(gpkit._MODULES, "gpkit")}
    assert static == lazy


def public(module):
    """Public functions and classes that a module defines or re-exports from its own package."""
    listed = getattr(module, "__all__", [name for name in dir(module) if name[0] != "_"])
    home = module.__name__
    for name in listed:
        thing = getattr(module, name)
        own = getattr(thing, "__module__", "").startswith(home)
        if own and (inspect.isfunction(thing) or inspect.isclass(thing)):
            yield f"{home}.{name}", thing


MODULES = [m for m in (getattr(gpkit, n) for n in gpkit.__all__) if isinstance(m, types.ModuleType)]
THINGS = dict(item for module in MODULES for item in public(module))
METHODS = [
    (name, attribute)
    for name, thing in THINGS.items()
    if inspect.isclass(thing)
    for attribute, value in vars(thing).items()
    if attribute[0] != "_" and (inspect.isfunction(value) or isinstance(value, property))
]


def test_everything_public_explains_itself():
    """By a docstring of its own: not a base class's, nor the signature that a dataclass gets."""
    own = {name: thing.__doc__ or "" for name, thing in THINGS.items()}
    assert len(own) > 100
    silent = [
        name
        for name, text in own.items()
        if len(text.split()) < 2 or text.startswith(f"{THINGS[name].__name__}(")
    ]
    assert silent == []


def test_methods_explain_themselves_here_or_in_the_base():
    assert len(METHODS) > 60
    found = {
        f"{name}.{attribute}": inspect.getdoc(getattr(THINGS[name], attribute)) or ""
        for name, attribute in METHODS
    }
    assert [name for name, text in found.items() if len(text.split()) < 2] == []
