"""What `select` and `fit` are told on the command line."""

from typing import Literal, NamedTuple


class Settings(NamedTuple):
    """The options that both commands share; None takes the default of the data set."""

    data: str
    target: str | None
    inputs: tuple[str, ...] | None
    drop: tuple[str, ...] | None
    categorical: tuple[str, ...] | None
    missing: Literal["error", "drop"] | None
    split: int | Literal["none"] | None
    test_fraction: float | None
    seed: int
    restarts: int
    max_steps: int
    budget: float | None
    memory: str | None
    data_dir: str | None
    as_json: bool
    quiet: bool
