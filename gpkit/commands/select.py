"""`gpkit select`: fit candidates, rank them, test the best one, write it down."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gpkit.commands.caching import enable_compilation_cache
from gpkit.commands.drawing import write_pictures
from gpkit.commands.loading import Work, load_work
from gpkit.commands.running import INTERRUPTED, announce, estimator_options, remark
from gpkit.commands.scoring import TestScores, score_test
from gpkit.commands.settings import Settings
from gpkit.commands.summary import describe_data, describe_run
from gpkit.commands.terminal import note, output, print_json, show, watched
from gpkit.commands.writing import prepare_folder, to_json, write_text
from gpkit.estimators import GPSelector
from gpkit.io import save
from gpkit.predictor import Predictor
from gpkit.report.tables import comparison_table, score_table, to_csv
from gpkit.results import Status
from gpkit.selection import Comparison


def run(settings: Settings, *, criterion: str, candidates: Sequence[str], out: str | None) -> int:
    """Do the work of the command; the exit code is 0, or 130 after Ctrl-C."""
    clock = time.perf_counter()
    options = estimator_options(settings)
    work = load_work(settings)
    folder = None if out is None else prepare_folder(out)
    announce(work, settings)
    selector = GPSelector(list(candidates) or None, criterion, **options)
    _fit(selector, work, settings)
    comparison = selector.comparison_
    seconds = {"fit": time.perf_counter() - clock}
    predictor = replace(selector.predictor_, targets=(work.target,))
    scores = score_test(predictor, work)
    seconds["total"] = time.perf_counter() - clock
    summary = {
        **describe_data(work, predictor.encoder),
        **_describe(comparison, selector.screening_, selector.kernel_),
        **describe_run(settings, selector, scores, seconds),
    }
    if settings.as_json:
        print_json(summary)
    else:
        _show(comparison, selector.screening_, scores)
    # The reasons of the plan were said with it, before the fit.
    remark(tuple(n for n in comparison.notes if n not in selector.plan_.reasons))
    remark(scores.notes if scores else ())
    if folder is not None:
        _write(folder, comparison, predictor, summary)
        note(f"wrote {folder}: model.gpkit, comparison.csv, summary.json")
        fits = {"comparison": comparison, "result": comparison}
        note(f"drew {folder}: {write_pictures(folder, predictor, work, **fits)}")
    if not _interrupted(comparison):
        return 0
    if settings.checkpoint:
        note(f"interrupted: the same command goes on from {settings.checkpoint}")
    return INTERRUPTED


def _fit(selector: GPSelector, work: Work, settings: Settings) -> None:
    enable_compilation_cache()
    with watched(quiet=settings.quiet) as progress:
        selector.fit(work.train.X, work.train.y, checkpoint=settings.checkpoint, progress=progress)
    if selector.comparison_.differences[0].decision == "failed":
        status = selector.comparison_.best_.status
        raise ValueError(f"no candidate could be fitted ({status.name.lower()}): {status.advice}")


def _show(comparison: Comparison, screening: Comparison | None, scores: TestScores | None) -> None:
    console = output()
    if screening is not None:
        show(comparison_table(screening.table))
        console.print(f"\nthese on {screening.num_rows} rows; on all {comparison.num_rows}:\n")
    show(comparison_table(comparison.table))
    console.print(f"\n{comparison.verdict()}", style="bold", soft_wrap=True)
    if scores and scores.rows:
        console.print()
        rows = {comparison.best_.name: scores.model, "mean only": scores.baseline}
        show(score_table(rows, rows=scores.rows))


def _describe(comparison: Comparison, screening: Comparison | None, kernel: str) -> dict[str, Any]:
    return {
        "criterion": comparison.criterion,
        "candidates": _records(comparison),
        "screening": None if screening is None else _records(screening),
        "best": comparison.best_.name,
        "kernel": kernel,
        "undecided": comparison.undecided_,
        "verdict": comparison.verdict(),
        "comparison_notes": comparison.notes,
    }


def _records(comparison: Comparison) -> list[dict[str, Any]]:
    return comparison.table.reset_index().to_dict("records")


def _interrupted(comparison: Comparison) -> bool:
    fits = [c.fit.status for c in comparison.candidates]
    return Status.INTERRUPTED in fits or any(n.startswith("interrupted") for n in comparison.notes)


def _write(
    folder: Path, comparison: Comparison, predictor: Predictor, summary: dict[str, Any]
) -> None:
    # The summary comes last: where it is new, the other two are.
    save(predictor, folder / "model.gpkit", info=summary)
    write_text(folder / "comparison.csv", to_csv(comparison.table))
    write_text(folder / "summary.json", to_json(summary))
