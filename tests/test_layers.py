"""Imports go one way, stand at the top, and load no more than they must."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "gpkit"

# Every line may import from the lines above it, and a member from itself.
ORDER = [
    ("_types",),
    ("quantiles",),
    ("results", "metrics"),
    ("container", "data"),
    ("priors", "constraints"),
    ("params",),
    ("checks",),
    ("linalg", "kernels", "means", "noise"),
    ("model",),
    ("defaults", "padding", "operators", "features"),
    ("solvers",),
    ("posterior",),
    ("objectives", "structure", "paths"),
    ("fitting",),
    ("predictor",),
    ("transformed",),
    ("io",),
    ("selection",),
    ("report", "estimators"),
    ("commands",),
    ("cli",),
    ("__main__",),
]
RANK = {name: number for number, names in enumerate(ORDER) for name in names}
# Third parties that may be absent: they alone are imported where they are used.
OPTIONAL = {"pyarrow", "numpyro", "jinja2", "lineax", "matfree"}
FILES = sorted(PACKAGE.rglob("*.py"))


def member(path):
    """The member of the package that a file belongs to: a module or a subpackage."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(node):
    """Full names of the modules that an import statement may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide where a name comes from"
        # A name of the package itself may be a module.
        bare = node.module == "gpkit"
        return [f"gpkit.{a.name}" for a in node.names] if bare else [node.module]
    return []


def imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [name for node in ast.walk(tree) for name in imported(node)]


def within(path):
    """Members of the package that a file imports, itself left out."""
    names = [name.split(".")[1] for name in imports(path) if name.startswith("gpkit.")]
    return {name for name in names if name != member(path)}


def test_every_member_has_its_place():
    assert {member(path) for path in FILES} - {"__init__"} == set(RANK)


def test_imports_go_one_way():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in FILES
        # The public face names everything, and loads it when asked.
        for name in within(path) - (set(RANK) if member(path) == "__init__" else set())
        if RANK[name] >= RANK[member(path)]
    ]
    assert wrong == []


def test_linear_algebra_and_kernels_do_not_know_each_other():
    for path in FILES:
        if member(path) == "linalg":
            assert not within(path) - {"_types", "results"}
        if member(path) == "kernels":
            assert not within(path) - {"_types", "params", "priors"}


def test_tables_and_files_are_unknown_to_the_core():
    for path in FILES:
        found = within(path)
        if member(path) == "data":
            assert not found
        if member(path) == "container":
            assert not found - {"results"}
        if RANK.get(member(path), 99) < RANK["predictor"]:
            # A fit writes checkpoints.
            allowed = {"container"} if member(path) == "fitting" else set()
            assert not (found - allowed) & {"container", "data"}, path


def test_imports_inside_functions_are_of_optional_packages():
    for path in FILES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        for node in (n for function in functions for n in ast.walk(function)):
            for name in imported(node):
                assert name.split(".")[0] in OPTIONAL, f"{path}: {name}"


def test_only_the_two_lazy_faces_import_by_name():
    lazy = [path for path in FILES if "import_module" in path.read_text(encoding="utf-8")]
    assert {member(path) for path in lazy} == {"__init__", "cli"}


def test_no_private_parts_of_others():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for private in ("jax._src", "equinox.internal", "equinox._", "eqx.internal", "optax._src"):
            assert private not in text, f"{path}: {private}"


# -------------------------------------------------------------------- in a fresh process


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_core_is_light():
    heavy = ("pandas", "sklearn", "matplotlib", "rich", "click", "scipy.stats", "numpyro")
    program = f"""
import sys, gpkit
print(int("jax" in sys.modules))
gpkit.log_evidence, gpkit.fit, gpkit.condition, gpkit.kernels.RBF, gpkit.Estimate
print(*[name for name in {heavy!r} if name in sys.modules])
"""
    assert run(program) == ["0"]


def test_importing_everything_changes_no_setting_of_jax():
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in FILES
        if path.name not in ("__init__.py", "__main__.py")
    ]
    program = f"""
import importlib, jax
before = dict(jax.config.values)
for name in {modules!r}:
    importlib.import_module(name)
after = dict(jax.config.values)
print(len(before) > 20, before == after, jax.config.jax_enable_x64)
"""
    assert run(program) == ["True", "True", "False"]
