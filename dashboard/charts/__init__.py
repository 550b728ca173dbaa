"""Charts as SVG made on the server: one idea each, direct labels, values on hover and as a table.

Every function returns a figure that needs no script and no style attribute. A value may be any
number or None, which is a gap; without any value the figure is a sentence. `unit` is "$", "%"
(of a hundred, so 97 is written 97 %), "ms", "h" or nothing. Labels of up to eight characters
("3 Jun") are drawn under columns, longer ones beside rows.
"""

from dashboard.charts.bars import bars
from dashboard.charts.funnel import Stage, funnel
from dashboard.charts.heat import heat
from dashboard.charts.line import line
from dashboard.charts.series import Series
from dashboard.charts.spark import sparkline
from dashboard.charts.stacked import stacked
from dashboard.charts.waterfall import waterfall

__all__ = [
    "Series",
    "Stage",
    "bars",
    "funnel",
    "heat",
    "line",
    "sparkline",
    "stacked",
    "waterfall",
]
