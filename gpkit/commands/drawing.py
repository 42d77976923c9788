"""Pictures of a fitted model, beside the other files that the commands write."""

from pathlib import Path
from typing import Any

from gpkit.commands.loading import Work
from gpkit.commands.new_rows import predictable
from gpkit.commands.running import remark
from gpkit.commands.writing import prepare_folder, write_bytes
from gpkit.report.pictures import NAMES, as_png, draw_pictures
from gpkit.selection import Comparison


def write_pictures(
    folder: Path,
    predictor: Any,
    work: Work,
    *,
    comparison: Comparison | None = None,
    result: Any = None,
) -> str:
    """Write the pictures that apply as PNG files; returns their names, with commas.

    A picture that can't be drawn is told on standard error. Pictures of these names that an
    earlier run left in the folder, and this one does not draw, are removed: they would show
    another model.
    """
    held_out = None
    if work.test is not None:
        usable, _ = predictable(predictor.encoder.schema, work.test.X)
        held_out = (work.test.X[usable], work.test.y[usable]) if usable.any() else None
    drawn = draw_pictures(
        predictor,
        work.train.X,
        work.train.y,
        held_out=held_out,
        comparison=comparison,
        result=result,
        target=work.target,
    )
    remark(drawn.notes)
    prepare_folder(folder)
    for name in NAMES:
        path = folder / f"{name}.png"
        if name in drawn.figures:
            write_bytes(path, as_png(drawn.figures[name]))
        else:
            path.unlink(missing_ok=True)
    return ", ".join(f"{name}.png" for name in drawn.figures)
