"""What the suites ``evidence``, ``train`` and ``train-large`` share.

A file grows row by row. With ``--resume`` finished rows stay, whatever commit they were measured
at: a rival's row does not depend on gpkit. Each row holds commit, date and load of its own;
``--redo ENGINE`` measures rows of an engine again.
"""

from benchmarks import machine, store
from benchmarks.process import Worker, WorkerFailed

# Seconds: on a busy machine the imports of a large package take minutes.
_START_LIMIT = 1800


class Engine:
    """One way of computing: a module of `benchmarks.methods`, and settings it gets."""

    def __init__(self, module, what, *, rival, **settings):
        self.module, self.what, self.rival, self.settings = module, what, rival, settings


def opened(suite, engines, settings, options):
    """The document to be filled: a new one, or the old one less what is to be done again."""
    document = store.new(suite, {**settings, "threads": options.threads})
    document["settings"]["what"] = {name: engine.what for name, engine in engines.items()}
    if options.resume and options.out.exists():
        old = store.load(options.out)
        redo = set(options.redo or ())
        document["jobs"] = [
            job for job in old["jobs"] if _kept(job, engines) and job["engine"] not in redo
        ]
    return document


def _kept(job, engines):
    same = job["engine"] not in engines or job["settings"] == engines[job["engine"]].settings
    return same and job["status"] in ("ok", "partial")


def missing(document, wanted):
    """Those of the wanted keys (dicts) that have no finished row."""
    done = [job for job in document["jobs"] if job["status"] == "ok"]
    return [key for key in wanted if not any(key.items() <= job.items() for job in done)]


def measure(key, engine, options, body):
    """One row: ``body(worker, row)`` fills it; a failure is a row too."""
    where = machine.describe()
    row = {
        **key, "settings": engine.settings, "status": "ok", "threads": options.threads,
        **{name: where[name] for name in ("commit", "date", "load_average")},
    }  # fmt: skip
    python = options.rival_python if engine.rival else options.python
    if python is None:
        return {**row, "status": "left out: no rivals' environment given"}
    try:
        with Worker(python, engine.module, threads=options.threads, timeout=_START_LIMIT) as worker:
            row |= {"start_seconds": worker.start_seconds, "versions": worker.versions}
            body(worker, row)
    except WorkerFailed as failure:
        row["status"] = f"failed: {_summary(failure)}"
    return row


def add(document, row, options):
    """Put a row into the document, in place of an older one of the same key, and write."""
    names = ("problem", "setting", "engine", "rows")
    key = [row.get(name) for name in names]
    others = [job for job in document["jobs"] if [job.get(name) for name in names] != key]
    document["jobs"] = [*others, row]
    store.save(options.out, document)


def _summary(failure):
    # A process that died tells why at the end; an exception begins with its name.
    lines = str(failure).strip().splitlines() or ["no message"]
    return lines[-1 if lines[0].startswith("the process ended") else 0][:300]
