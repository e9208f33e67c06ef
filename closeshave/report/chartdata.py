"""What the page's script draws, sorts and filters, as plain values for JSON. Pure.

Figures have three digits: more than a chart can show, and a third of the bytes. Text is cleaned here and escaped where it is written into the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.report.breakdown import BreakdownRow, BreakdownWindow
from closeshave.report.curves import Curves
from closeshave.report.distribution import Distribution
from closeshave.report.machine import MachineUse, broken
from closeshave.report.parts import Selections
from closeshave.report.series import Floats

Plain = float | int | None


def chartdata(curves: Curves, windows: tuple[BreakdownWindow, ...], anchors: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the script is given; ``anchors`` are the places of the faults."""
    return {
        "span_s": curves.axis.span_s,
        **_marks(curves.axis, anchors),
        "parts": _parts(curves.parts),
        "machine": _machine(curves.machine) if curves.machine else None,
        "spread": [_spread(one) for one in curves.distributions],
        "requests": _requests(windows),
    }


def _marks(axis: Axis, anchors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "phases": [{"name": words.clean(one.name), "role": one.role, "from": one.start_s, "to": one.end_s} for one in axis.phases],
        "faults": [
            {
                "name": words.clean(one.fault),
                "anchor": anchors.get(one.fault, ""),
                "from": one.start_s,
                "to": one.end_s,
                "observed": one.observed_s,
                "recovered": one.recovered_s,
                "healed": one.healed_s,
                "verified": one.verified_s,
            }
            for one in axis.bands
        ],
        "doubts": [{"kind": one.kind.value, "from": one.start_s, "to": one.end_s, "cause": one.cause} for one in axis.doubts],
        "signals": [{"at": one.at_s, "kind": one.kind, "text": words.clean(f"{one.kind} {words.scope(one.scope)}")} for one in axis.ticks],
    }


def _parts(parts: Selections) -> dict[str, Any]:
    regions, shards = list(parts.regions), list(parts.shards)
    return {
        "bin_s": parts.bin_s,
        "bins": len(parts.starts_s),
        "regions": [words.clean(one) for one in regions],
        "shards": shards,
        "curves": [
            {
                "region": -1 if one.region is None else regions.index(one.region),
                "shard": -1 if one.shard is None else shards.index(one.shard),
                "offered": _short(one.lines.offered_per_s),
                "completed": _short(one.lines.completed_per_s),
                "bad": _short(one.lines.not_good_per_s),
                "p50": _short(one.lines.p50_ms),
                "p95": _short(one.lines.p95_ms),
                "p99": _short(one.lines.p99_ms),
            }
            for one in parts.parts
        ],
    }


def _machine(machine: MachineUse) -> dict[str, Any]:
    """Shares in per cent."""
    samples = broken(machine)
    return {
        "at_s": _short(samples.at_s, digits=6),
        **{name: _short(getattr(samples, name) * 100) for name in ("busy", "platform", "generator", "harness", "others")},
    }


def _spread(one: Distribution) -> dict[str, Any]:
    """Shares in per cent, at the middle of each bin."""
    middles: Floats = np.sqrt(one.edges_ms[:-1] * one.edges_ms[1:])
    return {"role": one.role, "n": one.n, "ms": _short(middles), "share": _short(one.share * 100)}


def _requests(windows: tuple[BreakdownWindow, ...]) -> dict[str, Any]:
    """Rows name their operation and region by index; -1 stands for all of them."""
    operations = _names(row.operation for window in windows for row in window.rows)
    regions = _names(row.region for window in windows for row in window.rows)

    def plain(row: BreakdownRow) -> list[Plain]:
        return [
            operations.get(row.operation, -1),
            regions.get(row.region, -1),
            -1 if row.shard is None else row.shard,
            row.count,
            row.not_good,
            *(_number(one) for one in (row.p50_ms, row.p95_ms, row.p99_ms, row.longest_ms)),
            None if row.missed_share_at_most is None else _number(row.missed_share_at_most),
        ]

    return {
        "operations": [words.clean(name, 60) for name in operations],
        "regions": [words.clean(name, 60) for name in regions],
        "windows": [
            {"name": words.clean(one.name), "fault": words.clean(one.fault), "rows": [plain(row) for row in one.rows]} for one in windows
        ],
    }


def _names(values: Iterable[str | None]) -> dict[str | None, int]:
    return {name: at for at, name in enumerate(sorted({one for one in values if one is not None}))}


def _short(values: Floats, digits: int = 3) -> list[Plain]:
    return [_number(value, digits) for value in values.tolist()]


def _number(value: float, digits: int = 3) -> Plain:
    """Rounded to so many significant digits, as a whole number where it is one; what is not known is null."""
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded
