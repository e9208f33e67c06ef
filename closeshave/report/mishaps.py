"""What customers met that was not good, by reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.report.series import customers

MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Mishap:
    """One reason at one kind of operation."""

    reason: str
    kind: str
    shards: str
    count: int
    first_s: float
    last_s: float


def mishaps(operations: pd.DataFrame, axis: Axis, most: int = MOST_ROWS) -> tuple[tuple[Mishap, ...], int]:
    """The commonest reasons, and how many further rows there would be."""
    rows = customers(operations)
    bad = rows[~rows["good"].to_numpy(np.bool_)]
    if not len(bad):
        return (), 0
    status = bad["status"].astype("int64")
    named = bad["error"].astype("object").where(bad["error"].notna(), "not the promised answer")
    plain = pd.DataFrame(
        {
            "reason": [f"{reason} (HTTP {code})" if code else str(reason) for reason, code in zip(named, status, strict=True)],
            "kind": bad["kind"].astype(str),
            "shard": bad["shard"].astype("int64"),
            "at_s": (bad["intended_ns"].astype("int64") - axis.zero_ns) / 1e9,
        }
    )
    found = [
        Mishap(
            reason=words.clean(reason, 120),
            kind=words.clean(kind, 60),
            shards=", ".join(str(shard) for shard in sorted(group["shard"].unique())),
            count=len(group),
            first_s=float(group["at_s"].min()),
            last_s=float(group["at_s"].max()),
        )
        for (reason, kind), group in plain.groupby(["reason", "kind"])
    ]
    found.sort(key=lambda one: -one.count)
    return tuple(found[:most]), max(0, len(found) - most)
