"""Where compiled programs are kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from gpkit.commands.caching import cache_folder

HOME = Path("/home/u")


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({}, "linux", HOME / ".cache" / "gpkit"),
        ({}, "darwin", HOME / "Library" / "Caches" / "gpkit"),
        ({}, "win32", HOME / "AppData" / "Local" / "gpkit" / "Cache"),
        ({"LOCALAPPDATA": "/local"}, "win32", Path("/local/gpkit/Cache")),
        ({"XDG_CACHE_HOME": "/x"}, "linux", Path("/x/gpkit")),
        ({"GPKIT_CACHE": "/mine", "XDG_CACHE_HOME": "/x"}, "linux", Path("/mine")),
        ({"GPKIT_CACHE": "off"}, "linux", None),
        ({"GPKIT_CACHE": "OFF", "XDG_CACHE_HOME": "/x"}, "linux", None),
    ],
)
def test_folder_by_environment_and_platform(environment, platform, folder):
    assert cache_folder(environment, platform, HOME) == folder


CODE = """
from gpkit.commands.caching import enable_compilation_cache
import jax, jax.numpy as jnp
before = jax.config.jax_compilation_cache_dir
enable_compilation_cache()
jax.jit(lambda x: jnp.sin(x) + 1)(1.0)
print(before, jax.config.jax_compilation_cache_dir)
print(jax.config.jax_persistent_cache_min_entry_size_bytes)
"""


def run(monkeypatch, folder):
    monkeypatch.setenv("GPKIT_CACHE", str(folder))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    found = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    return found.stdout.split()


def test_small_programs_are_written_and_an_impossible_folder_is_no_error(tmp_path, monkeypatch):
    # In a process of its own: the cache is a setting of the whole process.
    folder = tmp_path / "a" / "b"
    assert run(monkeypatch, folder) == ["None", str(folder), "-1"]
    assert any(folder.iterdir())
    (tmp_path / "file").write_text("")
    assert run(monkeypatch, tmp_path / "file")[:2] == ["None", "None"]
