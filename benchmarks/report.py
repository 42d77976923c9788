"""``python -m benchmarks.report FILE [--out PAGE.md]``: Markdown from a result file alone."""

import argparse
from pathlib import Path

from benchmarks import store
from benchmarks.rendering import dense, krylov, logdet, matvec, small, startup

SUITES = {
    "small": small,
    "dense": dense,
    "startup": startup,
    "krylov": krylov,
    "logdet": logdet,
    "matvec": matvec,
}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON written by python -m benchmarks")
    parser.add_argument("--out", type=Path, help="Markdown file (default: standard output)")
    options = parser.parse_args()
    document = store.load(options.file)
    page = SUITES[document["suite"]].render(document)
    if options.out is None:
        print(page)
    else:
        options.out.write_text(page)


if __name__ == "__main__":
    main()
