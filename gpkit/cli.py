"""The command `gpkit`: its options, and how its errors reach people.

The work of each command lies in `gpkit.commands` and is loaded when the command runs, so
that help answers without JAX.
"""

import csv
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from gpkit.commands.settings import Settings

# The names of gpkit.selection.CRITERIA, whose module needs JAX; a test holds them equal.
CRITERIA = ("evidence", "map", "bic", "aic", "loo", "kfold")
_INTERRUPTED = 130
_USER_ERRORS = (ValueError, TypeError, OSError, ImportError, ArithmeticError, MemoryError)


@contextmanager
def explained() -> Iterator[None]:
    """What the user can mend, as one message ``error: ...`` and exit code 2.

    With the environment variable GPKIT_TRACEBACK set, the exception passes unchanged.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # The reader of a pipe has gone: click ends without a word.
    except KeyboardInterrupt:
        click.echo("interrupted: nothing was finished, nothing is written", err=True)
        raise SystemExit(_INTERRUPTED) from None
    except _USER_ERRORS as error:
        if os.environ.get("GPKIT_TRACEBACK"):
            raise
        click.echo(f"error: {_message(error)}", err=True)
        raise SystemExit(2) from None


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error) or type(error).__name__


def _run(command: str, *args: Any, **options: Any) -> NoReturn:
    """Load the module of a command, do its work, and leave with its exit code."""
    with explained():
        work = importlib.import_module(f"gpkit.commands.{command}")
        raise SystemExit(work.run(*args, **options))


def _names(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    """Column names separated by commas; quotes keep a comma inside a name."""
    del context, option
    if text is None:
        return None
    row = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in row if name.strip())


def _split(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    del context, option
    if text is None or text == "none":
        return text
    if not text.isdecimal():
        raise click.BadParameter(f"{text!r} is neither a number of a split nor 'none'")
    return int(text)


_DATA_DIR = click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the data sets that do not ship (or the variable GPKIT_DATA).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
_SHARED = (
    click.argument("data"),
    click.option("--target", metavar="COL", help="Column to predict [the data set's, or the last]"),
    click.option("--inputs", metavar="A,B", callback=_names, help="Columns to predict from [all]"),
    click.option("--drop", metavar="A,B", callback=_names, help="Columns to leave out."),
    click.option(
        "--categorical", metavar="A,B", callback=_names, help="Columns of numbers that are codes."
    ),
    click.option(
        "--missing",
        type=click.Choice(["error", "drop"]),
        help="Rows with gaps: refuse or leave out [error, or as the data set is registered]",
    ),
    click.option(
        "--split",
        metavar="N|none",
        callback=_split,
        help="Registered split, from 0 on, or none: all rows train [0, where there is one]",
    ),
    click.option(
        "--test-fraction",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Hold out a random part instead [0.1, where no split is registered]",
    ),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True),
    click.option(
        "--restarts",
        type=click.IntRange(0),
        default=2,
        show_default=True,
        help="Runs of a fit after the first.",
    ),
    click.option(
        "--max-steps",
        type=click.IntRange(1),
        default=200,
        show_default=True,
        help="Steps of a run at most.",
    ),
    click.option(
        "--budget",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Predicted seconds above which a subset of rows is fitted [300]",
    ),
    click.option("--memory", metavar="SIZE", help="Memory for the covariance [4GB]"),
    _DATA_DIR,
    _JSON,
    click.option("--quiet", is_flag=True, help="No plan and no progress bar."),
)


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_SHARED):
        function = option(function)
    return function


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="gpkit-select", prog_name="gpkit")
def command() -> None:
    """Which Gaussian process should I use on this table, how sure are we, and what does it
    predict?

    DATA is the name of a data set (gpkit datasets) or a CSV or Parquet file.
    """


@command.command()
@_shared
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
    gpkit select table.csv --target price --candidates "rbf; matern32(ard) + linear"
    """
    kernels = (*(k.strip() for k in candidates.split(";") if k.strip()), *more)
    _run("select", Settings(**data), criterion=criterion, candidates=kernels, out=out)


@command.command()
@_shared
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
def predict(model: str, table: str, out: str | None):
    """Predict the rows of TABLE (CSV or Parquet) from a model file.

    Writes mean, standard deviation and 90% interval of a new observation, one row for each
    row of TABLE.

    \b
    gpkit predict model.gpkit new.csv --out predictions.csv
    """
    _run("predict", model, table, out=out)


@command.command()
@_DATA_DIR
@_JSON
def datasets(data_dir: str | None, as_json: bool):
    """List the data sets that ship, and those found in a folder of data."""
    _run("datasets", data_dir=data_dir, as_json=as_json)


def main() -> None:
    """Entry point of the console script."""
    command(prog_name="gpkit")
