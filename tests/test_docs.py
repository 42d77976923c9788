"""The site: every example on its pages runs and prints what the page says, and it builds strictly.

A ``python`` block that a ``text`` block follows prints that text. The blocks of one page share
their names. In a ``console`` block, lines after ``$`` are commands, and what they print
follows, standard error with standard output; numbers may differ a little between machines.
"""

import contextlib
import inspect
import io
import itertools
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import gpkit
from gpkit.commands.config import read_config
from gpkit.commands.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# The column of a comparison that no two runs share.
SECONDS = re.compile(r" +\d+(\.\d)? (?=ok$|max steps$)")


def blocks(page, *languages):
    """Language, content, and the text block that follows at once or None, of some blocks."""
    text = page.read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    for one, following in itertools.zip_longest(found, found[1:]):
        if one[1] in languages:
            close = following is not None and not text[one.end() : following.start()].strip()
            printed = following[2] if close and following[1] == "text" else None
            yield one[1], one[2], printed


def pages_with(language):
    found = [page for page in PAGES if any(True for _ in blocks(page, language))]
    return pytest.mark.parametrize("page", found, ids=[page.stem for page in found])


@pages_with("python")
def test_python_blocks_run_and_print_what_follows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for _, code, expected in blocks(page, "python"):
        run_python(code, expected, names)


def run_python(code, expected, names):
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(code, "page", "exec"), names)
    if expected is not None:
        assert stream.getvalue() == expected


@pytest.mark.slow
@pages_with("console")
def test_commands_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for name in ("yacht.csv", "nile.csv"):
        (tmp_path / name).write_bytes((ROOT / "datasets" / name).read_bytes())
    for language, block, printed in blocks(page, "python", "console"):
        if language == "python":
            run_python(block, printed, names)
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            assert_alike(run(command, tmp_path), expected, command)


def run(command, folder):
    """What a command prints, both streams in the order of writing."""
    first, *arguments = shlex.split(command)
    places = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    settings = {"PYTHONPATH": places, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "80"}
    program = [sys.executable, "-m", "gpkit"] if first == "gpkit" else [first]
    done = subprocess.run(
        [*program, *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def assert_alike(found, expected, command):
    """The same words line by line; numbers to a few percent, seconds not at all."""
    lines = [[SECONDS.sub(" ", x).split() for x in t.splitlines()] for t in (found, expected)]
    assert len(lines[0]) == len(lines[1]), f"{command}\n{found}"
    for one, other in zip(*lines, strict=True):
        assert len(one) == len(other), f"{command}: {one} against {other}"
        for a, b in zip(one, other, strict=True):
            numbers = as_number(a), as_number(b)
            if None in numbers:
                assert a == b, f"{command}: {one} against {other}"
            else:
                assert numbers[0] == pytest.approx(numbers[1], rel=0.05, abs=0.06), command


def as_number(word):
    with contextlib.suppress(ValueError):
        return float(word.strip("()%,"))
    return None


def test_settings_on_the_pages_are_known(tmp_path):
    seen = 0
    for page in PAGES:
        for _, text, _ in blocks(page, "toml"):
            seen += 1
            (tmp_path / "a.toml").write_text(text, encoding="utf-8")
            extra = {"candidates", "criterion", "out", "kernel"}
            known = {n.replace("_", "-"): n for n in {*Settings._fields, *extra}}
            found = read_config(str(tmp_path / "a.toml"), known, ())
            assert set(found) == {k.replace("-", "_") for k in tomllib.loads(text)}
    assert seen == 1


def test_every_public_name_is_in_the_reference():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/api").glob("*.md"))
    shown = [pkgutil.resolve_name(d) for d in re.findall(r"^::: (\S+)", text, re.MULTILINE)]
    modules = {m.__name__ for m in shown if inspect.ismodule(m)}
    for name in gpkit.__all__:
        item = getattr(gpkit, name)
        if inspect.ismodule(item):
            own = (item.__name__, f"{item.__name__}.")
            homes = {getattr(x, "__module__", getattr(x, "__name__", "")) for x in shown}
            assert any(h == own[0] or h.startswith(own[1]) for h in homes | modules), name
        else:
            assert item.__module__ in modules or any(item is x for x in shown), name


def test_pictures_on_the_pages_exist():
    for page in PAGES:
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / name).exists(), name


def test_blocks_are_of_languages_that_something_checks():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert {m[1] for m in BLOCK.finditer(text)} <= {"python", "text", "console", "toml"}, page


def test_sections_of_docstrings_keep_their_text():
    """A section's head has a line of its own: text behind it takes what is indented for items."""
    head = r"^( +)(Args|Arguments|Attributes|Raises|Returns): \S.*\n\1 +\S.*"
    for path in sorted((ROOT / "gpkit").rglob("*.py")):
        found = re.search(head, path.read_text(encoding="utf-8"), re.MULTILINE)
        assert found is None, f"{path}: write 'Arguments as in ...' without a colon: {found}"


@pytest.mark.slow
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("mkdocstrings", reason="needs the extra: pip install -e .[docs]")
    pytest.importorskip("material", reason="needs the extra: pip install -e .[docs]")
    site = tmp_path / "site"
    program = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    assert any("api/estimators" in entry["location"] for entry in pages)
    results = sorted(path.stem for path in (ROOT / "benchmarks/results").glob("*.json"))
    for name in results:
        assert (site / "benchmarks" / name / "index.html").exists()
