"""What goes to which stream, with and without a terminal."""

import io
import json
import sys
import warnings

import numpy as np
import pytest
from rich.table import Table

from gpkit.commands.terminal import messages, note, output, print_json, show, watched
from gpkit.results import Event, silent

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    # Pytest sets its own streams after the fixtures: the test asks for its streams itself.
    def attach():
        streams = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        return streams

    return attach


@pytest.fixture
def table():
    table = Table("name", "what it is", box=None)
    table.add_row("nile", "a river")
    return table


def test_a_terminal_gets_bold_type(terminal, table):
    stdout, _ = terminal()
    show(table)
    output().print("verdict", style="bold")
    assert stdout.getvalue().count(ESCAPE) > 1


def test_no_color_means_plain_text(terminal, table, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stdout, _ = terminal()
    show(table)
    output().print("[bold]verdict[/bold]", style="bold")
    assert ESCAPE not in stdout.getvalue()
    assert "[bold]verdict" in stdout.getvalue()


def test_a_pipe_gets_plain_text_without_trailing_spaces(table, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    show(table)
    lines = capsys.readouterr().out.splitlines()
    assert ESCAPE not in "".join(lines)
    assert [line.rstrip() for line in lines] == lines
    assert output().width == 80


def test_a_table_may_go_to_standard_error(table, capsys):
    show(table, messages())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[1].split() == ["nile", "a", "river"]


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "größe"), ("cp437", "gr\\u00f6\\u00dfe")])
def test_json_is_json_in_any_encoding(monkeypatch, encoding, text):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_json({"name": "größe"})
    stream.flush()
    written = stream.buffer.getvalue().decode(encoding)
    assert text in written
    assert json.loads(written) == {"name": "größe"}


def test_notes_go_to_standard_error(capsys):
    note("a" * 200)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a" * 200 + "\n")


def test_on_a_terminal_notes_end_lines_between_words(terminal):
    _, stderr = terminal()
    note("note: " + "some words and " * 12 + "a" * 90)
    note("")
    lines = stderr.getvalue().splitlines()
    assert [len(line) <= 80 for line in lines] == [True, True, True, False, True]
    assert lines[1].startswith("  ")
    assert lines[3].strip() == "a" * 90
    assert lines[4] == ""


def test_words_of_the_library_go_to_standard_error_and_warnings_become_notes(capsys):
    with watched(quiet=False) as progress:
        print("the plan")
        for _ in range(2):
            warnings.warn("be careful", UserWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        assert progress is silent
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "the plan\nnote: be careful\n"


def test_the_bar_shows_candidate_run_step_and_value(terminal):
    stdout, stderr = terminal()
    with watched(quiet=False) as progress:
        progress(Event("candidate", 2, 8, np.nan, "matern32(ard)"))
        progress(Event("run 1 of 3", 17, 200, -612.34))
    shown = stderr.getvalue()
    assert "3/8 matern32(ard) run 1 of 3 step 17: -612.3" in shown
    assert stdout.getvalue() == ""


@pytest.mark.parametrize(("value", "text"), [(np.nan, "segment 2 "), (-12.3, "segment 2: -12.3 ")])
def test_the_bar_shows_that_a_stage_begins(terminal, value, text):
    _, stderr = terminal()
    with watched(quiet=False) as progress:
        progress(Event("all rows, segment 1", 8, 40, -3258.5))
        progress(Event("all rows, segment 2", 0, None, value))
    shown = stderr.getvalue()
    assert f"all rows, {text}" in shown
    assert "nan" not in shown


def test_the_line_of_the_bar_fits_in_eighty_columns(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    _, stderr = terminal()
    with watched(quiet=False) as progress:
        progress(Event("candidate", 11, 12, np.nan, "matern32(ard) * periodic(year) + linear"))
        progress(Event("run 10 of 10", 200, 200, -123456.7))
    lines = stderr.getvalue().replace("\r", "\n").splitlines()
    assert any(
        "12/12 matern32(ard) * perio... run 10 of 10 step 200: -123456.7" in x for x in lines
    )
    assert max(len(x.partition(ESCAPE)[0]) for x in lines) <= 80


def test_quiet_shows_no_bar(terminal):
    _, stderr = terminal()
    with watched(quiet=True) as progress:
        assert progress is silent
    assert stderr.getvalue() == ""
