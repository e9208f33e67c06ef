"""The current limits of a running container, read back from the engine."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.control.engine.client import asking, client
from closeshave.control.engine.limits import PERIOD_US


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits in force; ``None`` means no limit."""

    cpu_share: float | None
    """Share of one CPU."""
    memory_bytes_max: int | None


def allowance(container: str) -> Allowance:
    """The current limits of a container. Raises :class:`~closeshave.control.engine.client.EngineFailed`."""
    with asking(f"read the limits of {container}"):
        api = client().client.api
        said = api.inspect_container(container)["HostConfig"]
        machine_bytes: int = api.info()["MemTotal"]
    quota_us, memory_bytes = said["CpuQuota"], said["Memory"]
    return Allowance(
        cpu_share=quota_us / (said["CpuPeriod"] or PERIOD_US) if quota_us > 0 else None,
        # A limit cannot be removed once it is set, only raised to all that the machine has.
        memory_bytes_max=memory_bytes if 0 < memory_bytes < machine_bytes else None,
    )
