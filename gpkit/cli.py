"""The command `gpkit`: its commands, and how its errors reach people.

The work of each command lies in `gpkit.commands` and is loaded when the command runs, so
that help answers without JAX.
"""

import importlib
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from gpkit.commands.options import DATA_DIR, DECIMAL, JSON, QUIET, SEP, shared
from gpkit.commands.settings import Settings

# The names of gpkit.selection.CRITERIA, whose module needs JAX; a test holds them equal.
CRITERIA = ("evidence", "map", "bic", "aic", "loo", "kfold")
_INTERRUPTED = 130
_USER_ERRORS = (
    ValueError, TypeError, OSError, ImportError, ArithmeticError, MemoryError, click.UsageError
)  # fmt: skip


@contextmanager
def explained() -> Iterator[None]:
    """What the user can mend, as one line ``error: ...`` and exit code 2.

    With the environment variable GPKIT_TRACEBACK set, the exception passes unchanged.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # The reader of a pipe has gone: click ends without a word.
    except (KeyboardInterrupt, click.Abort):
        print("interrupted: nothing was finished, nothing is written", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    except _USER_ERRORS as error:
        if os.environ.get("GPKIT_TRACEBACK"):
            raise
        # click.echo would write UTF-8 to a stream that can't take it.
        print(f"error: {_message(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _message(error: BaseException) -> str:
    """One line; the mark under an expression becomes a number of its character."""
    if isinstance(error, click.UsageError):
        tip = f" (gpkit {error.ctx.info_name} --help)" if error.ctx and error.ctx.parent else ""
        return error.format_message().rstrip(".") + tip
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    lines = (str(error) or type(error).__name__).splitlines()
    if len(lines) == 3 and re.fullmatch(r" +\^ *", lines[2]):
        indent = len(lines[1]) - len(lines[1].lstrip())
        at = lines[2].index("^") - indent + 1
        return f"{lines[0]} (at character {at} of {lines[1].strip()!r})"
    return " ".join(line.strip() for line in lines if line.strip())


def _run(command: str, *args: Any, **options: Any) -> NoReturn:
    """Load the module of a command, do its work, and leave with its exit code."""
    with explained():
        work = importlib.import_module(f"gpkit.commands.{command}")
        raise SystemExit(work.run(*args, **options))


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name="gpkit-select", prog_name="gpkit")
@click.pass_context
def command(context: click.Context) -> None:
    """Which Gaussian process should I use on this table, how sure are we, and what does it
    predict?

    DATA is the name of a data set (gpkit datasets) or a CSV or Parquet file.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@command.command()
@shared
@click.option("--criterion", type=click.Choice(CRITERIA), default=CRITERIA[0], show_default=True)
@click.option(
    "--candidates", metavar="'K; K'", default="", help="Kernels, separated by semicolons."
)
@click.option(
    "--candidate", "more", metavar="K", multiple=True, help="One kernel; may be repeated."
)
@click.option(
    "--out", metavar="DIR", help="Write comparison.csv, summary.json and model.gpkit there."
)
def select(criterion: str, candidates: str, more: Sequence[str], out: str | None, **data: Any):
    """Fit candidate kernels, rank them, and test the best one.

    \b
    gpkit select concrete --out results/concrete
    gpkit select table.csv --target price --candidates "rbf; matern32 + linear"
    """
    kernels = (*(k.strip() for k in candidates.split(";") if k.strip()), *more)
    _run("select", Settings(**data), criterion=criterion, candidates=kernels, out=out)


@command.command()
@shared
@click.option(
    "--kernel", metavar="EXPR", default="matern52(ard)", show_default=True, help="The kernel."
)
@click.option("--out", metavar="FILE", required=True, help="Model file to write.")
def fit(kernel: str, out: str, **data: Any):
    """Fit one kernel and write the model.

    \b
    gpkit fit table.csv --target price --kernel "matern32(ard) + linear" --out model.gpkit
    """
    _run("fit", Settings(**data), kernel=kernel, out=out)


@command.command()
@click.argument("model")
@click.argument("table")
@click.option("--out", metavar="FILE", help="CSV file to write [standard output]")
@SEP
@DECIMAL
@DATA_DIR
@QUIET
def predict(model: str, table: str, **options: Any):
    """Predict the rows of TABLE from a model file.

    TABLE is a file, or a data set by name. Writes mean, standard deviation and 90% interval
    of a new observation, one row for each row of TABLE.

    \b
    gpkit predict model.gpkit new.csv --out predictions.csv
    """
    _run("predict", model, table, **options)


@command.command()
@DATA_DIR
@JSON
def datasets(data_dir: str | None, as_json: bool):
    """List the data sets that go by name."""
    _run("datasets", data_dir=data_dir, as_json=as_json)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console script: runs a command and leaves with its exit code.

    0 is success, 2 an error that its message explains, 130 an interruption.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal of Windows may lack letters of a column's name: they are spelled out.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with explained():
        raise SystemExit(command.main(args, prog_name="gpkit", standalone_mode=False) or 0)
