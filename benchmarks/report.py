"""``python -m benchmarks.report FILE [--out PAGE.md]``: Markdown from a result file alone."""

import argparse
from pathlib import Path

from benchmarks import store
from benchmarks.rendering import dense, small, startup

RENDER = {"small": small.render, "dense": dense.render, "startup": startup.render}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON written by python -m benchmarks")
    parser.add_argument("--out", type=Path, help="Markdown file (default: standard output)")
    options = parser.parse_args()
    document = store.load(options.file)
    page = RENDER[document["suite"]](document)
    if options.out is None:
        print(page)
    else:
        options.out.write_text(page)


if __name__ == "__main__":
    main()
