"""The folder of data sets that do not ship; tests that need it skip where it is absent."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "datasets"


@pytest.fixture(scope="session")
def data_dir():
    """The folder that GPKIT_DATA names, or ``../shared/datasets`` beside the repository."""
    folder = Path(os.environ.get("GPKIT_DATA", _BESIDE))
    if not folder.is_dir():
        pytest.skip("needs the data sets that do not ship: set GPKIT_DATA to their folder")
    return folder
