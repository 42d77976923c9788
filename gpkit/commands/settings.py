"""What `select` and `fit` are told on the command line or by a TOML file."""

from typing import Literal, NamedTuple


class Settings(NamedTuple):
    """The options that both commands share; None takes the default of data set or estimator.

    `split` is the number of a registered split, or ``random``, ``none``, ``time``,
    ``time:COLUMN`` or ``group:COLUMN``.
    """

    data: str
    target: str | None
    inputs: tuple[str, ...] | None
    drop: tuple[str, ...] | None
    categorical: tuple[str, ...] | None
    missing: Literal["error", "drop"] | None
    sep: str | None
    decimal: str | None
    split: int | str | None
    test_fraction: float | None
    mean: str | None
    noise: str | None
    prior: str | None
    solver: str | None
    optimizer: str | None
    standardize: bool | None
    target_transform: str | None
    seed: int
    restarts: int | None
    max_steps: int | None
    budget: float | None
    memory: str | None
    checkpoint: str | None
    data_dir: str | None
    as_json: bool
    quiet: bool

    @property
    def split_column(self) -> str | None:
        """The column that the split names, if it names one."""
        if not isinstance(self.split, str) or ":" not in self.split:
            return None
        return self.split.partition(":")[2].strip()
