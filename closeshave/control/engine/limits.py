"""CPU and memory that a running container may use."""

from __future__ import annotations

from closeshave.control.engine.client import asking, client

PERIOD_US = 100_000
"""The kernel's default, if none is set."""
QUOTA_US = 1_000
"""The least that the kernel grants in a period. Of a usual period of 100 ms a small server would hardly ever use up a tenth, and be as fast as
before; in the shortest one that the share allows, whatever takes longer than this millisecond has to wait, as on a slow processor."""
UNLIMITED = -1


def limit_cpu(container: str, share: float | None) -> None:
    """Let a container use this share of one CPU and no more, or by ``None`` as much as it wants."""
    with asking(f"limit the CPU of {container}"):
        period_us = PERIOD_US if share is None else max(QUOTA_US, round(QUOTA_US / share))
        quota_us = UNLIMITED if share is None else round(share * period_us)
        client().client.api.update_container(container, cpu_period=period_us, cpu_quota=quota_us)


def limit_memory(container: str, bytes_max: int | None) -> None:
    """Let a container use so much memory and no swap, or by ``None`` all that the machine has.

    Less than it uses already is refused where the kernel cannot take the rest back (control groups of the first version).
    """
    with asking(f"limit the memory of {container}"):
        limit = client().client.api.info()["MemTotal"] if bytes_max is None else bytes_max
        client().client.api.update_container(container, mem_limit=limit, memswap_limit=limit)
