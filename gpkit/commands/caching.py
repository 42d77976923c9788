"""Compiled programs kept between runs of the command, in the user's cache folder.

Only the command does this: the library changes no setting of JAX.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import jax


def cache_folder(environment: Mapping[str, str], platform: str, home: Path) -> Path | None:
    """Where compiled programs go; None where GPKIT_CACHE is "off".

    GPKIT_CACHE names a folder outright; else it is ``gpkit`` in $XDG_CACHE_HOME or in the
    cache folder of the platform.
    """
    asked = environment.get("GPKIT_CACHE", "")
    if asked.lower() in ("off", "0", "no", "false"):
        return None
    if asked:
        return Path(asked)
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"]) / "gpkit"
    if platform == "win32":
        local = environment.get("LOCALAPPDATA") or home / "AppData" / "Local"
        return Path(local) / "gpkit" / "Cache"
    base = home / "Library" / "Caches" if platform == "darwin" else home / ".cache"
    return base / "gpkit"


def enable_compilation_cache() -> None:
    """Let JAX keep every compiled program, however small and quick.

    A folder that can't be made means no cache, and no complaint.
    """
    folder = cache_folder(os.environ, sys.platform, Path.home())
    if folder is None:
        return
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
