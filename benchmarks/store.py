"""Result files: one JSON document per run, replaced atomically after every job."""

import json
import os
from pathlib import Path

from benchmarks import machine


def new(suite, settings):
    """An empty document with everything that the numbers depend on."""
    return {"suite": suite, "settings": settings, "machine": machine.describe(), "jobs": []}


def load(path):
    """A stored document."""
    return json.loads(Path(path).read_text())


def save(path, document):
    """Write beside the file, then rename: a killed run leaves the last good state."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(document, indent=1, allow_nan=True) + "\n")
    os.replace(draft, path)
