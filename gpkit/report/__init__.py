"""Tables and figures of a comparison and of predictions; all else is in `gpkit.report.pictures`."""

from gpkit.report.plots import comparison_figure as comparison_figure
from gpkit.report.plots import draw_comparison as draw_comparison
from gpkit.report.plots import draw_predictions as draw_predictions
from gpkit.report.plots import prediction_figure as prediction_figure
from gpkit.report.tables import comparison_table as comparison_table
from gpkit.report.tables import score_table as score_table
from gpkit.report.tables import to_csv as to_csv
from gpkit.report.tables import to_text as to_text
