"""Whether the canaries find enough slots: each of their bookings takes one of its own, and a small shop has few. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from closeshave.files.yamlfile import duration_text
from closeshave.plan import Canaries
from closeshave.plurals import counted
from closeshave.topology import Topology
from closeshave.traffic import probes

KEY = ("canaries", "home_per_s")
"""The key of a plan that decides how many slots are needed."""
EXACT = 1_000
"""Rates are told in thousandths, rounded down, so that what is told fits."""


def lacking(
    topology: Topology, canaries: Canaries, duration_s: float, shard: int, slots: int, *, where: str, rate_scale: float = 1.0
) -> str:
    """A sentence if the canaries of a shard need more slots than these, and which rates of the plan would fit; empty if there are enough.

    ``where`` says how the slots were counted; ``rate_scale`` is what the plan's rates were multiplied by to get those of ``canaries``.
    """
    wanted = probes.needed(topology, canaries, duration_s, shard)
    if wanted <= slots:
        return ""
    factor = slots / wanted
    while (rates := _scaled(canaries, factor, rate_scale)) is not None:
        home_per_s, away_per_s = rates
        tried = replace(canaries, home_per_s=home_per_s * rate_scale, away_per_s=away_per_s * rate_scale)
        if probes.needed(topology, tried, duration_s, shard) <= slots:
            break
        factor *= 0.98
    if rates is None:
        instead = "no rate fits: make the phases shorter"
    else:
        away = f", away_per_s: {rates[1]:g}" if len(topology.regions) > 1 else ""
        instead = f"write canaries: {{home_per_s: {rates[0]:g}{away}}}, or make the phases shorter"
    lasting = duration_text(math.ceil(duration_s))
    return f"the canaries book {counted(wanted, 'slot')} of shard {shard} in {lasting}, each once, but there are only {slots:,} ({where}); {instead}"


def _scaled(canaries: Canaries, factor: float, rate_scale: float) -> tuple[float, float] | None:
    """The plan's rates at home and away, multiplied by ``factor``; ``None`` where the first would be none."""
    home_per_s, away_per_s = (_down(rate * factor / rate_scale) for rate in (canaries.home_per_s, canaries.away_per_s))
    return (home_per_s, away_per_s) if home_per_s > 0 else None


def _down(rate_per_s: float) -> float:
    return math.floor(rate_per_s * EXACT) / EXACT
