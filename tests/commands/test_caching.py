"""Where compiled programs are kept."""

import subprocess
import sys
from pathlib import PurePosixPath, PureWindowsPath

import pytest

from gpkit.commands import caching
from gpkit.commands.caching import cache_folder

HOME = PurePosixPath("/home/u")
USER = "C:\\Users\\Zoë"


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({}, "linux", HOME / ".cache" / "gpkit"),
        ({}, "darwin", HOME / "Library" / "Caches" / "gpkit"),
        ({"XDG_CACHE_HOME": "/x"}, "linux", PurePosixPath("/x/gpkit")),
        ({"GPKIT_CACHE": "/mine", "XDG_CACHE_HOME": "/x"}, "linux", PurePosixPath("/mine")),
        ({"GPKIT_CACHE": "off"}, "linux", None),
        ({"GPKIT_CACHE": "OFF", "XDG_CACHE_HOME": "/x"}, "linux", None),
    ],
)
def test_folder_by_environment_and_platform(environment, platform, folder):
    assert cache_folder(environment, platform, str(HOME)) == folder


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({}, f"{USER}\\AppData\\Local\\gpkit\\Cache"),
        ({"LOCALAPPDATA": "D:\\Local data"}, "D:\\Local data\\gpkit\\Cache"),
        ({"GPKIT_CACHE": "\\\\server\\share\\c"}, "\\\\server\\share\\c"),
    ],
)
def test_folders_of_windows(environment, folder):
    assert cache_folder(environment, "win32", USER) == PureWindowsPath(folder)


def test_without_a_home_there_is_no_cache():
    assert cache_folder({}, "linux", "") is None
    assert cache_folder({}, "win32", "") is None


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


@pytest.fixture
def settings_of_jax(monkeypatch):
    """Stands where the settings of JAX do, so that no test changes them."""
    found = {}

    class Config:
        jax_compilation_cache_dir = None

        def update(self, name, value):
            found[name] = value

    config = Config()
    monkeypatch.setattr(caching.jax, "config", config)
    monkeypatch.delenv("GPKIT_CACHE", raising=False)
    return config, found


def test_a_folder_that_can_not_be_written_to_is_no_cache(settings_of_jax, monkeypatch, tmp_path):
    def refuse(**options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(caching.tempfile, "TemporaryFile", refuse)
    caching.enable_compilation_cache()
    assert settings_of_jax[1] == {}


def test_the_cache_of_the_user_stays_unless_another_is_named(
    settings_of_jax, monkeypatch, tmp_path
):
    config, found = settings_of_jax
    config.jax_compilation_cache_dir = "/theirs"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    caching.enable_compilation_cache()
    assert found == {}
    monkeypatch.setenv("GPKIT_CACHE", str(tmp_path / "mine"))
    caching.enable_compilation_cache()
    assert found["jax_compilation_cache_dir"] == str(tmp_path / "mine")


def test_a_user_without_a_home_is_no_error(settings_of_jax, monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(caching.Path, "home", homeless)
    caching.enable_compilation_cache()
    assert settings_of_jax[1] == {}
