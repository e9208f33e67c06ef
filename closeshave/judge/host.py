"""Whether programs of others starved the machine that generator and platform share, from what was recorded of it once a second.

A second is starved when hardly any of the processor's time was idle and others took much of it: programs that belong neither to the environment nor to
the harness, or the hypervisor (steal). Busy with its own work a platform is slow by its own fault.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from closeshave.judge.windows import Span

IDLE = 0.1
"""Of all cores' time: with more of it left nobody waited."""
OTHERS = 0.15
"""Of all cores' time: less is noise of the measurement and the system's own housekeeping."""
_TIMES = ["user_s", "system_s", "idle_s", "iowait_s", "steal_s"]


def starved(resources: pd.DataFrame | None) -> tuple[Span, ...]:
    """The seconds in which others starved the machine, in time order; none where nothing was recorded."""
    if resources is None or not len(resources):
        return ()
    role = resources["role"].astype(str)
    host = resources[role == "host"].drop_duplicates("at_ns").set_index("at_ns").sort_index()
    own = resources[role != "host"].groupby("at_ns")["cpu_s"].sum().reindex(host.index, fill_value=0.0)
    capacity = host[_TIMES].sum(axis=1).replace(0.0, np.nan)
    taken = (host["user_s"] + host["system_s"] - own) / capacity + host["steal_s"] / capacity
    bad = ((host["idle_s"] / capacity < IDLE) & (taken > OTHERS)).to_numpy(dtype=np.bool_)
    ends, seconds = host.index.to_numpy(), host["interval_s"].to_numpy()
    return tuple(Span(int(end - round(length * 1e9)), int(end)) for end, length in zip(ends[bad], seconds[bad], strict=True))
