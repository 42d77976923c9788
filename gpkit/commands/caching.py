"""Compiled programs kept between runs of the command, in the user's cache folder.

Only the command does this: the library changes no setting of JAX.
"""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import jax


def cache_folder(environment: Mapping[str, str], platform: str, home: str) -> PurePath | None:
    """Where compiled programs go; None where GPKIT_CACHE is "off", or no folder is known.

    GPKIT_CACHE names a folder outright; else it is ``gpkit`` in $XDG_CACHE_HOME or in the
    cache folder of the platform below `home` (empty where there is none).
    """
    path = PureWindowsPath if platform == "win32" else PurePosixPath
    asked = environment.get("GPKIT_CACHE", "")
    if asked.lower() in ("off", "0", "no", "false"):
        return None
    if asked:
        return path(asked)
    if environment.get("XDG_CACHE_HOME"):
        return path(environment["XDG_CACHE_HOME"]) / "gpkit"
    if platform == "win32" and environment.get("LOCALAPPDATA"):
        return path(environment["LOCALAPPDATA"]) / "gpkit" / "Cache"
    if not home:
        return None
    if platform == "win32":
        return path(home) / "AppData" / "Local" / "gpkit" / "Cache"
    base = path(home) / "Library" / "Caches" if platform == "darwin" else path(home) / ".cache"
    return base / "gpkit"


def enable_compilation_cache() -> None:
    """Let JAX keep every compiled program, however small and quick.

    A folder that can't be made or written to means no cache, and no complaint. A cache that the
    user set up for JAX (JAX_COMPILATION_CACHE_DIR) stays, unless GPKIT_CACHE names another.
    """
    config: Any = jax.config
    if config.jax_compilation_cache_dir and not os.environ.get("GPKIT_CACHE"):
        return
    folder = cache_folder(os.environ, sys.platform, _home())
    if folder is None or not _writable(Path(folder)):
        return
    config.update("jax_compilation_cache_dir", str(folder))
    config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:
        return ""


def _writable(folder: Path) -> bool:
    # Permissions do not tell on a file system that is mounted read-only: only writing does.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
