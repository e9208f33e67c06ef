"""Customers' requests that were not good: by reason, and by the fault or phase in which they were due. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.report import words
from closeshave.report.axis import Axis
from closeshave.report.series import Floats, customers

MOST_ROWS = 12
_MOST_OPERATIONS = 4


@dataclass(frozen=True, slots=True)
class FailureReason:
    """One reason during one fault or phase. Instants are seconds of the run, of when the requests were due."""

    reason: str
    during: str
    operations: str
    shards: str
    count: int
    first_s: float
    last_s: float


def failures(operations: pd.DataFrame, axis: Axis, most: int = MOST_ROWS) -> tuple[tuple[FailureReason, ...], int]:
    """The most frequent reasons, and how many further rows there would be."""
    bad = operations.loc[
        customers(operations) & ~operations["good"].to_numpy(np.bool_), ["intended_ns", "status", "error", "kind", "shard"]
    ]
    if not len(bad):
        return (), 0
    status = bad["status"].astype("int64")
    named = bad["error"].astype("object").where(bad["error"].notna(), "not the promised answer")
    at_s = (bad["intended_ns"].to_numpy(np.int64) - axis.zero_ns) / 1e9
    plain = pd.DataFrame(
        {
            "reason": [_reason(str(reason), int(code)) for reason, code in zip(named, status, strict=True)],
            "during": _during(at_s, axis),
            "kind": bad["kind"].astype(str).to_numpy(),
            "shard": bad["shard"].to_numpy(np.int64),
            "at_s": at_s,
        }
    )
    found = [
        FailureReason(
            reason=words.clean(reason, 120),
            during=words.clean(during, 60),
            operations=_some(group["kind"].value_counts().index),
            shards=", ".join(str(shard) for shard in sorted(group["shard"].unique())),
            count=len(group),
            first_s=float(group["at_s"].min()),
            last_s=float(group["at_s"].max()),
        )
        for (reason, during), group in plain.groupby(["reason", "during"])
    ]
    found.sort(key=lambda one: (-one.count, one.first_s))
    return tuple(found[:most]), max(0, len(found) - most)


def _some(operations: Iterable[str]) -> str:
    """The most frequent by name, the others by number."""
    names = [words.clean(name, 40) for name in operations]
    more = len(names) - _MOST_OPERATIONS
    return ", ".join(names[:_MOST_OPERATIONS]) + (f" and {more} more" if more > 0 else "")


def _reason(error: str, status: int) -> str:
    spoken = words.spaced(error)
    return spoken if not status or str(status) in spoken else f"{spoken} (status {status})"


def _during(at_s: Floats, axis: Axis) -> list[str]:
    """The fault in effect at each instant, else the phase. A fault counts until its healing begins and its scope has recovered."""
    names = np.full(len(at_s), "between phases", object)
    for phase in axis.phases:
        names[(at_s >= phase.start_s) & (at_s < phase.end_s)] = (
            f"{phase.name} (no fault in effect)" if phase.role == "fault" else phase.name
        )
    for band in axis.bands:
        if band.healed_s is not None and band.verified_s is not None:
            names[(at_s >= band.healed_s) & (at_s < band.verified_s)] = f"{band.fault}, while it was being healed"
        names[(at_s >= band.start_s) & (at_s < max(band.end_s, band.recovered_s or 0.0))] = band.fault
    return [str(name) for name in names]
