"""Settings as the command line would give them."""

import pytest

from gpkit.commands.settings import Settings


@pytest.fixture
def settings():
    """A function from some options to all settings."""

    def make(data, **options):
        nothing = dict.fromkeys(Settings._fields)
        numbers = {"seed": 0, "restarts": 0, "max_steps": 10, "as_json": False, "quiet": True}
        return Settings(**{**nothing, **numbers, "data": str(data), **options})

    return make
