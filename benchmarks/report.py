"""``python -m benchmarks.report FILE [--out PAGE.md]``: Markdown from a result file alone."""

import argparse
from pathlib import Path

from benchmarks import store
from benchmarks.rendering import (
    auto,
    dense,
    evidence,
    figures,
    gradients,
    krylov,
    logdet,
    matvec,
    small,
    startup,
    train,
)

SUITES = {
    "small": small,
    "dense": dense,
    "startup": startup,
    "krylov": krylov,
    "logdet": logdet,
    "matvec": matvec,
    "auto": auto,
    "gradients": gradients,
    "evidence": evidence,
    "train": train,
    "train-large": train,
}
DRAWN = {"evidence": evidence.draw, "train": train.draw, "train-large": train.draw}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON written by python -m benchmarks")
    parser.add_argument("--out", type=Path, help="Markdown file (default: standard output)")
    parser.add_argument("--figure", type=Path, help="picture of the suites that have one (.svg)")
    options = parser.parse_args()
    document = store.load(options.file)
    page = SUITES[document["suite"]].render(document)
    if options.figure is not None:
        if document["suite"] not in DRAWN:
            parser.error(f"--figure: the suite {document['suite']} has no picture")
        figures.write(DRAWN[document["suite"]](document), options.figure)
    if options.out is None:
        print(page)
    else:
        options.out.write_text(page)


if __name__ == "__main__":
    main()
