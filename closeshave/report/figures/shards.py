"""The same run shard by shard: what was not good and how slow it was, on scales that all shards share. Pure."""

from __future__ import annotations

import numpy as np

from closeshave.report.axis import Axis
from closeshave.report.figures.figure import GAP, TITLE, Figure, Mark, Panel, figure, strip_height, time_scale
from closeshave.report.figures.scale import line
from closeshave.report.figures.timeline import bad_panel, latency_scale, latency_ticks, middles
from closeshave.report.series import Series

BAD_HEIGHT, LATENCY_HEIGHT = 30.0, 40.0


def shards(series: Series, axis: Axis, homes: dict[int, str]) -> Figure | None:
    """A pair of small panels for each shard; ``homes`` are their home regions. ``None`` when no shard saw a request."""
    if not series.shards:
        return None
    everything = np.concatenate([shard.p95_ms for shard in series.shards])
    most_bad = max(float(shard.not_good_per_s.max(initial=0)) for shard in series.shards)
    panels: list[Panel] = []
    top = strip_height(axis) + TITLE
    for shard in series.shards:
        name = f"Shard {shard.shard}, {homes.get(shard.shard, 'unknown region')}"
        bad = bad_panel(
            f"{name}: not good, requests per second", series.starts_s, shard.not_good_per_s, series.bin_s, axis, top, BAD_HEIGHT, most_bad
        )
        panels.append(bad)
        low = bad.bottom + GAP + 14
        y = latency_scale(everything, low, low + LATENCY_HEIGHT)
        curve = Mark("p95", line(middles(series.starts_s, series.bin_s, time_scale(axis)), y.all(shard.p95_ms)))
        panels.append(
            Panel("response time p95", low, low + LATENCY_HEIGHT, latency_ticks(y)[:: max(1, len(latency_ticks(y)) - 1)], (curve,))
        )
        top = low + LATENCY_HEIGHT + GAP + TITLE
    return figure("shards", "The run by shard: requests not answered well and the 95th percentile of response time", axis, tuple(panels))
