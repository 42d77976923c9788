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


def resumed(path, document):
    """The document of an interrupted run that `document` would begin, if there is one."""
    if not Path(path).exists():
        return document
    old, new = load(path), json.loads(json.dumps(document))
    for name in ("suite", "settings", "versions"):
        if old.get(name) != new.get(name):
            raise SystemExit(f"{path} was measured with other {name}; start without --resume")
    if old["machine"]["commit"] != new["machine"]["commit"]:
        raise SystemExit(f"{path} was measured at another commit; start without --resume")
    return old


def save(path, document):
    """Write beside the file, then rename: a killed run leaves the last good state."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(document, indent=1, allow_nan=True) + "\n")
    os.replace(draft, path)
