"""The picture of the README, from what ``gpkit select concrete --out results/concrete`` wrote.

python docs/make_picture.py results/concrete docs/comparison.png
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import gpkit.io
from gpkit.data import load
from gpkit.report import draw_comparison, draw_predictions


def picture(folder: Path) -> Figure:
    """Candidates on the left, predictions of the best one on the right."""
    comparison = pd.read_csv(folder / "comparison.csv", index_col="candidate")
    predictor = gpkit.io.load(folder / "model.gpkit")
    table = load(gpkit.io.read_info(folder / "model.gpkit")["data"])
    test = table.frame.iloc[table.splits[0].test]
    mean, std = predictor.predict(test)
    figure = Figure(figsize=(11.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    draw_comparison(left, comparison)
    draw_predictions(right, test[table.target].to_numpy(), mean, std, target=table.target)
    left.set_title(f"{table.name}: {len(comparison)} kernels on {predictor.num_rows} rows", pad=26)
    right.set_title(f"{comparison.index[0]} on {len(test)} held-out rows", pad=36)
    return figure


if __name__ == "__main__":
    picture(Path(sys.argv[1])).savefig(sys.argv[2], dpi=110)
