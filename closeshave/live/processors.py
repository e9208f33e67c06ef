"""What the machine's processors did in the last second: the newest line of the sampler's file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from closeshave.environments.evidence.resources import SPOOL
from closeshave.files import record_of
from closeshave.files.growing import GrowingLines
from closeshave.live.picture import ProcessorsShown

TIMES = ("user_s", "system_s", "idle_s", "iowait_s", "steal_s")
"""Of the host: together all that its processors could do."""
OWN = {"host", "locust", "harness"}
"""Roles that are no part of the platform."""


class Sampled:
    """The sampler's file of one run."""

    def __init__(self, run: Path) -> None:
        self._lines = GrowingLines(run / SPOOL)

    def newest(self) -> ProcessorsShown | None:
        """The newest sample since the last call; ``None`` where there is none that can be read. Raises :class:`OSError`."""
        for line in reversed(self._lines.new()):
            with suppress(ValueError, KeyError, TypeError, ZeroDivisionError):
                return shares(record_of(line))
        return None


def shares(line: Mapping[str, Any]) -> ProcessorsShown:
    """One sample. Raises :class:`ValueError`, :class:`KeyError`, :class:`TypeError` or :class:`ZeroDivisionError` for what is none."""
    usage = line["usage"]
    host = {one["role"]: one for one in usage}["host"]
    cores_s = sum(host[name] for name in TIMES)

    def share(*, platform: bool = False, role: str = "") -> float:
        used = (one["cpu_s"] for one in usage if (one["role"] not in OWN if platform else one["role"] == role))
        return min(1.0, max(0.0, float(sum(used) / cores_s)))

    busy = min(1.0, (host["user_s"] + host["system_s"]) / cores_s)
    known = share(platform=True), share(role="locust"), share(role="harness")
    # Not as it was recorded, so that the shares add up to what is shown beside them.
    return ProcessorsShown(line["at_ns"] / 1e9, busy, *known, max(0.0, busy - sum(known)))
