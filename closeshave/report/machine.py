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
class MachineUse:
    """Shares of all cores' time, 0 to 1, one entry for each second or so that was sampled."""

    at_s: Floats
    """The middle of each sample, seconds of the run."""
    busy: Floats
    platform: Floats
    """Of it the environment's processes."""
    generator: Floats
    """Of it the load generator's."""
    harness: Floats
    """Of it the rest of the harness: the trial, its sampler, its faults and their proofs."""
    others: Floats
    """Of it all other programs."""


def machine(resources: pd.DataFrame | None, axis: Axis) -> MachineUse | None:
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

    busy = ((host["user_s"] + host["system_s"]) / cores_s).to_numpy(np.float64)
    platform, generator, harness = (
        share(inside[~role.isin(_HARNESS_ROLES)]),
        share(inside[role == "locust"]),
        share(inside[role == "harness"]),
    )
    return MachineUse(
        at_s=((host.index.to_numpy() - axis.zero_ns) / 1e9 - host["interval_s"].to_numpy() / 2).astype(np.float64),
        busy=busy,
        platform=platform,
        generator=generator,
        harness=harness,
        # Not as it was recorded, so that the shares add up to what is drawn beside them.
        others=np.clip(busy - platform - generator - harness, 0.0, 1.0),
    )


def broken(machine: MachineUse, longest_s: float = 3.0) -> MachineUse:
    """The same with a sample of nothing (NaN) in every gap longer than ``longest_s``: a sampler that was frozen knows nothing of that time."""
    gaps = np.flatnonzero(np.diff(machine.at_s) > longest_s) + 1
    middles = (machine.at_s[gaps - 1] + machine.at_s[gaps]) / 2

    def shares(values: Floats) -> Floats:
        return np.insert(values, gaps, np.nan)

    return MachineUse(
        at_s=np.insert(machine.at_s, gaps, middles),
        busy=shares(machine.busy),
        platform=shares(machine.platform),
        generator=shares(machine.generator),
        harness=shares(machine.harness),
        others=shares(machine.others),
    )
