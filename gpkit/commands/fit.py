"""`gpkit fit`: fit one kernel, test it, write the model."""

import time
from dataclasses import replace

from gpkit.commands.caching import enable_compilation_cache
from gpkit.commands.drawing import write_pictures
from gpkit.commands.loading import Work, load_work
from gpkit.commands.running import INTERRUPTED, announce, estimator_options, remark
from gpkit.commands.scoring import TestScores, score_test
from gpkit.commands.settings import Settings
from gpkit.commands.summary import describe_data, describe_evidence, describe_run, evidence_text
from gpkit.commands.terminal import note, output, print_json, show, watched
from gpkit.commands.writing import prepare_file
from gpkit.estimators import GPRegressor
from gpkit.io import save
from gpkit.report.tables import score_table, status_text
from gpkit.results import Status


def run(settings: Settings, *, kernel: str, out: str) -> int:
    """Do the work of the command; the exit code is 0, or 130 after Ctrl-C."""
    clock = time.perf_counter()
    options = estimator_options(settings)
    work = load_work(settings)
    path = prepare_file(out)
    announce(work, settings)
    regressor = GPRegressor(kernel, **options)
    _fit(regressor, work, settings)
    seconds = {"fit": time.perf_counter() - clock}
    predictor = replace(regressor.predictor_, targets=(work.target,))
    scores = score_test(predictor, work)
    seconds["total"] = time.perf_counter() - clock
    status = regressor.result_.status
    summary = {
        **describe_data(work, predictor.encoder),
        "asked": kernel,
        "kernel": regressor.kernel_,
        **describe_evidence(regressor.log_evidence_),
        "status": status.name.lower(),
        **describe_run(settings, regressor, scores, seconds),
    }
    save(predictor, path, info=summary)
    if settings.as_json:
        print_json(summary)
    else:
        _show(regressor, scores, kernel)
    remark(scores.notes if scores else ())
    note(f"wrote {path}")
    folder = path.with_name(f"{path.stem}-pictures")
    note(f"drew {folder}: {write_pictures(folder, predictor, work, result=regressor)}")
    if status == Status.INTERRUPTED:
        further = f"; the same command goes on from {settings.checkpoint}"
        note(f"interrupted: the best state so far was kept{further * bool(settings.checkpoint)}")
        return INTERRUPTED
    return 0


def _fit(regressor: GPRegressor, work: Work, settings: Settings) -> None:
    enable_compilation_cache()
    with watched(quiet=settings.quiet) as progress:
        regressor.fit(work.train.X, work.train.y, checkpoint=settings.checkpoint, progress=progress)
    status = regressor.result_.status
    if not status.usable:
        raise ValueError(f"the kernel could not be fitted ({status.name.lower()}): {status.advice}")


def _show(regressor: GPRegressor, scores: TestScores | None, kernel: str) -> None:
    console = output()
    evidence = evidence_text(regressor.log_evidence_)
    status = status_text(regressor.result_.status.name.lower())
    console.print(regressor.kernel_, style="bold", soft_wrap=True)
    console.print(f"log evidence {evidence} nats; {status}")
    if scores and scores.rows:
        console.print()
        rows = {kernel: scores.model, "mean only": scores.baseline}
        show(score_table(rows, rows=scores.rows))
