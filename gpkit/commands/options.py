"""The options of `select` and `fit`; loads neither JAX nor pandas, so that help is quick."""

import csv
import re
from collections.abc import Callable
from typing import Any

import click

from gpkit.commands.config import read_config

_SPLIT = re.compile(r"random|none|time|(time|group):.+")


def _names(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    """Column names separated by commas; quotes keep a comma inside a name."""
    del context, option
    if text is None:
        return None
    row = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in row if name.strip())


def _split(context: click.Context, option: click.Parameter, text: str | None) -> Any:
    del context, option
    if text is None or _SPLIT.fullmatch(text):
        return text
    if not text.isdecimal():
        raise click.BadParameter(
            f"{text!r} is none of random, none, time, time:COLUMN, group:COLUMN, and no number "
            "of a split"
        )
    return int(text)


def _config(context: click.Context, option: click.Parameter, path: str | None) -> None:
    """Values of the file become defaults, so that the command line wins."""
    del option
    if path is None:
        return
    group = context.find_root().command
    assert isinstance(group, click.Group)
    others = {key for c in group.commands.values() for key in _keys(c)}
    settings = read_config(path, _keys(context.command), others)
    context.default_map = {**(context.default_map or {}), **settings}


def _keys(command: click.Command) -> dict[str, str]:
    """Long names of options without dashes, and names of arguments, each with its parameter."""
    found = {}
    for parameter in command.params:
        if parameter.expose_value and parameter.name:
            spelled = [*parameter.opts, *parameter.secondary_opts]
            names = [name.lstrip("-") for name in spelled if name.startswith("--")]
            found |= dict.fromkeys(names or [parameter.name], parameter.name)
    return found


DATA_DIR = click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the data sets that do not ship (or the variable GPKIT_DATA).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
SEP = click.option("--sep", metavar="MARK", help="What separates columns of a file [found out]")
DECIMAL = click.option(
    "--decimal", type=click.Choice([".", ","]), help="Decimal mark of a file [found out]"
)
QUIET = click.option("--quiet", is_flag=True, help="No plan, no column table, no progress bar.")

_TABLE = (
    click.argument("data"),
    click.option("--target", metavar="COL", help="Column to predict [the data set's, or the last]"),
    click.option("--inputs", metavar="A,B", callback=_names, help="Columns to predict from [all]"),
    click.option("--drop", metavar="A,B", callback=_names, help="Columns to leave out."),
    click.option(
        "--categorical", metavar="A,B", callback=_names, help="Columns that are categories."
    ),
    click.option(
        "--missing",
        type=click.Choice(["error", "drop"]),
        help="Rows with gaps: refuse or leave out [error, or as the data set is registered]",
    ),
    SEP,
    DECIMAL,
    click.option(
        "--split",
        metavar="HOW",
        callback=_split,
        help="Test rows: random; time or time:COL (the latest); group:COL (whole groups); none; "
        "or the number of a registered split [0, where there is one, else random]",
    ),
    click.option(
        "--test-fraction",
        metavar="PART",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Part of the rows that is held out [0.1]",
    ),
)
_FIT = (
    click.option("--mean", type=click.Choice(["constant", "zero", "linear"]), help="[constant]"),
    click.option("--noise", metavar="KIND", help="gaussian, none or group(COL) [gaussian]"),
    click.option(
        "--prior", type=click.Choice(["default", "none"]), help="none is maximum likelihood."
    ),
    click.option(
        "--solver",
        type=click.Choice(["auto", "dense", "iterative"]),
        help="auto is dense, and iterative where a dense fit would have to leave rows out [auto]",
    ),
    click.option(
        "--optimizer", metavar="NAME", help="lbfgs, none, adam(0.05) or another of Optax [lbfgs]"
    ),
    click.option(
        "--standardize/--no-standardize",
        default=None,
        help="Columns and target to mean 0, spread 1.",
    ),
    click.option(
        "--target-transform",
        type=click.Choice(["none", "log", "log1p", "yeo-johnson"]),
        help="Fit a transform of the target; predictions stay in its units.",
    ),
    click.option("--seed", metavar="N", type=click.IntRange(0, 2**31 - 1), default=0, help="[0]"),
    click.option(
        "--restarts",
        metavar="N",
        type=click.IntRange(0),
        help="Runs of a fit after the first [select: 1, fit: 4]",
    ),
    click.option(
        "--max-steps", metavar="N", type=click.IntRange(1), help="Steps of a run at most [200]"
    ),
    click.option(
        "--budget",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Predicted seconds of a fit at the most, else of fewer rows [300; iterative 3600]",
    ),
    click.option("--memory", metavar="SIZE", help="Memory for covariance or tiles [4GB]"),
    click.option(
        "--checkpoint",
        metavar="FILE",
        help="Keep the state of the fit there: the same command goes on from it.",
    ),
    DATA_DIR,
    click.option(
        "--config",
        metavar="FILE",
        callback=_config,
        is_eager=True,
        expose_value=False,
        help="TOML file with options as keys; the command line wins.",
    ),
    JSON,
    QUIET,
)


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """All options that `select` and `fit` have in common."""
    for option in reversed(_TABLE + _FIT):
        function = option(function)
    return function
