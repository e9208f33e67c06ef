"""Nights as a CSV file for Apache Otava, which looks for change points too. Pure.

One row a night, in time order: the time, the run and the plan as attributes, and each figure as a metric. ``otava.yaml`` beside it would say::

    tests:
      nightly:
        type: csv
        file: nights.csv
        time_column: time
        attributes: [run, plan]
        metrics: [p95, "recovery/shard-primary-killed"]
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from closeshave.comparison.nights import Night

FIXED = ("time", "run", "plan")


def render(nights: Sequence[Night]) -> str:
    """The file. Figures that a night did not measure are empty."""
    names = sorted({name for one in nights for name in one.figures})
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow([*FIXED, *names])
    for one in nights:
        writer.writerow([one.at, one.run, one.plan, *(f"{one.figures[name]:.9g}" if name in one.figures else "" for name in names)])
    return held.getvalue()
