"""Limits the CPU and memory of a running container."""

from __future__ import annotations

from closeshave.control.engine.client import asking, client

PERIOD_US = 100_000
"""The kernel's default period, in microseconds."""
QUOTA_US = 1_000
"""The least quota of a period, in microseconds.

In the usual period of 100 ms a small server would rarely use up a tenth, and would not become slower. So the shortest period for the share is used:
work that takes longer than this millisecond has to wait, as on a slow processor.
"""
UNLIMITED = -1


def limit_cpu(container: str, share: float | None) -> None:
    """Limit a container to this share of one CPU; ``None`` removes the limit."""
    with asking(f"limit the CPU of {container}"):
        period_us = PERIOD_US if share is None else max(QUOTA_US, round(QUOTA_US / share))
        quota_us = UNLIMITED if share is None else round(share * period_us)
        client().client.api.update_container(container, cpu_period=period_us, cpu_quota=quota_us)


def limit_memory(container: str, bytes_max: int | None) -> None:
    """Limit a container to so much memory without swap; ``None`` removes the limit.

    A limit below the memory in use is refused by control groups of version 1.
    """
    with asking(f"limit the memory of {container}"):
        limit = client().client.api.info()["MemTotal"] if bytes_max is None else bytes_max
        client().client.api.update_container(container, mem_limit=limit, memswap_limit=limit)
