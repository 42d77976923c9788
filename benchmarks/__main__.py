"""``python -m benchmarks SUITE``: measure, and write one JSON file.

``python -m benchmarks.report FILE`` turns the file into Markdown.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.machine import ROOT, load_average
from benchmarks.problems import PROBLEMS
from benchmarks.registry import METHODS
from benchmarks.suites import auto, dense, evidence, gradients, matvec, small, startup, train

SUITES = {
    "small": small.run,
    "dense": dense.run,
    "startup": startup.run,
    "matvec": matvec.run,
    "auto": auto.run,
    "gradients": gradients.run,
    "evidence": evidence.run,
    "train": train.run,
    "train-large": train.run_large,
}


def parse(arguments):
    """Options of the command line; ``out`` depends on suite and ``--quick``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to try the harness")
    parser.add_argument(
        "--out", type=Path, help="result file (default benchmarks/results/SUITE.json)"
    )
    parser.add_argument("--data-dir", default=os.environ.get("GPKIT_DATA"), help="or GPKIT_DATA")
    parser.add_argument(
        "--rival-python",
        default=os.environ.get("GPKIT_RIVAL_PYTHON"),
        help="interpreter of an environment with gpytorch (or GPKIT_RIVAL_PYTHON)",
    )
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="cores for every method"
    )
    parser.add_argument("--timeout", type=float, default=7200, help="seconds for one fit")
    parser.add_argument("--resume", action="store_true", help="keep finished jobs of --out")
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="only these")
    parser.add_argument("--datasets", nargs="+", help="small: only these")
    parser.add_argument("--splits", type=int, help="small: only the first few splits")
    parser.add_argument("--sizes", nargs="+", type=int, help="dense, matvec, auto: only these n")
    large = parser.add_argument_group("evidence, train, train-large")
    large.add_argument("--problems", nargs="+", choices=PROBLEMS, help="only these")
    large.add_argument("--engines", nargs="+", help="only these")
    large.add_argument("--settings", nargs="+", help="evidence: only these, and no coverage")
    large.add_argument(
        "--dense-only", action="store_true", help="evidence: only the dense values that lack"
    )
    large.add_argument("--coverage-only", action="store_true", help="evidence: no seconds")
    large.add_argument("--redo", nargs="+", help="with --resume: measure these engines again")
    large.add_argument(
        "--untimed", action="store_true", help="other work runs: seconds are not to be quoted"
    )
    large.add_argument("--no-prediction", action="store_true", help="train, but do not predict")
    large.add_argument("--no-scores", action="store_true", help="leave the curve unscored")
    options = parser.parse_args(arguments)
    options.python = sys.executable
    if options.out is None:
        folder = ROOT / "results" if options.quick else ROOT / "benchmarks" / "results"
        options.out = folder / f"{options.suite}.json"
    return options


def main():
    options = parse(sys.argv[1:])
    load = load_average() or 0.0
    if load > 0.25 * options.threads and not options.quick:
        print(f"warning: the machine is busy (load {load:.1f}); seconds will be too long")
    SUITES[options.suite](options)
    print(options.out)


if __name__ == "__main__":
    main()
