"""How busy the machine was, and with what: whether slowness was the platform's, the generator's or a neighbour's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from closeshave.report.axis import Axis
from closeshave.report.series import Floats

_HARNESS_ROLES = frozenset({"host", "locust", "harness"})
_TIMES = ["user_s", "system_s", "idle_s", "iowait_s", "steal_s"]


@dataclass(frozen=True, slots=True)
class Machine:
    """Shares of all cores' time, 0 to 1, one entry for each second or so that was sampled."""

    at_s: Floats
    """The middle of each sample, seconds of the run."""
    busy: Floats
    platform: Floats
    """Of it the environment's processes."""
    generator: Floats
    """Of it the load generator's."""


def machine(resources: pd.DataFrame | None, axis: Axis) -> Machine | None:
    """What ``resources.parquet`` says of the run's own time; ``None`` when it was not recorded."""
    if resources is None or not len(resources):
        return None
    middle = (resources["at_ns"] - axis.zero_ns) / 1e9 - resources["interval_s"] / 2
    inside = resources[(middle >= 0) & (middle <= axis.span_s)]
    role = inside["role"].astype(str)
    host = inside[role == "host"].set_index("at_ns").sort_index()
    if not len(host):
        return None
    cores_s = host[_TIMES].sum(axis=1)

    def share(rows: pd.DataFrame) -> Floats:
        used = rows.groupby("at_ns")["cpu_s"].sum().reindex(host.index, fill_value=0.0)
        shares: Floats = np.clip((used / cores_s).to_numpy(np.float64), 0.0, 1.0)
        return shares

    return Machine(
        at_s=((host.index.to_numpy() - axis.zero_ns) / 1e9 - host["interval_s"].to_numpy() / 2).astype(np.float64),
        busy=((host["user_s"] + host["system_s"]) / cores_s).to_numpy(np.float64),
        platform=share(inside[~role.isin(_HARNESS_ROLES)]),
        generator=share(inside[role == "locust"]),
    )


def per_bin(values: Floats, at_s: Floats, middles_s: Floats) -> Floats:
    """The sample nearest to each bin's middle; NaN where none lies within three seconds."""
    after = np.clip(np.searchsorted(at_s, middles_s), 1, max(len(at_s) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(at_s) - 1)
    nearest = np.where(np.abs(at_s[after] - middles_s) < np.abs(at_s[before] - middles_s), after, before)
    found: Floats = np.where(np.abs(at_s[nearest] - middles_s) <= 3.0, values[nearest], np.nan)
    return found
