"""How many requests each edge endpoint counted: an independent check of the senders' counts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from closeshave.clients import edges, ports
from closeshave.deployment import OWN_REQUESTS, Deployment
from closeshave.files import foreign, read_lines
from closeshave.history import EdgeCount

TIMEOUT_S = 2.0
_TOTAL = "req_tot"
"""HAProxy's name for the HTTP requests that a frontend received since its process started (management guide, 9.1)."""


class EdgeCountsUnreadable(OSError):
    """An edge's counter cannot be read, or cannot be trusted; names the region and why."""


def read(deployment: Deployment) -> tuple[EdgeCount, ...]:
    """The running totals of every edge, in the order of the deployment, without the harness's own requests. Raises :class:`EdgeCountsUnreadable`."""
    try:
        own = Counter(str(line.get("region")) for line in read_lines(Path(deployment.root, OWN_REQUESTS)))
    except ValueError as error:
        raise EdgeCountsUnreadable(f"the harness's own requests could not be read: {error}") from None
    counts = []
    for edge in deployment.edges:
        try:
            statistics = foreign.text(edges.statistics(edge, TIMEOUT_S))
        except ports.Failed as error:
            raise EdgeCountsUnreadable(f"edge of {edge.region}: {type(error).__name__}: {error}") from error
        counts.append(EdgeCount(edge.region, total(statistics, edge.frontend, edge.region) - own[edge.region]))
    return tuple(counts)


def total(statistics: str, frontend: str, region: str) -> int:
    """The requests of ``frontend`` in HAProxy's statistics as CSV. Raises :class:`EdgeCountsUnreadable` when it has no such counter."""
    try:
        rows = list(csv.DictReader(statistics.removeprefix("# ").splitlines()))
    except csv.Error as error:
        raise EdgeCountsUnreadable(f"edge of {region}: its statistics are not CSV: {error}") from None
    for row in rows:
        if row.get("pxname") == frontend and row.get("svname") == "FRONTEND":
            counted = row.get(_TOTAL) or ""
            if not re.fullmatch(r"[0-9]{1,18}", counted):
                raise EdgeCountsUnreadable(f"edge of {region}: frontend {frontend} counts no HTTP requests")
            return int(counted)
    raise EdgeCountsUnreadable(f"edge of {region}: its statistics have no frontend {frontend}")


def between(before: Sequence[EdgeCount], after: Sequence[EdgeCount]) -> tuple[EdgeCount, ...]:
    """Requests of each edge between two readings.

    Raises :class:`EdgeCountsUnreadable` when a counter is missing from one of them or went back, which happens when its process is restarted.
    """
    first, last = ({count.region: count.requests for count in counts} for counts in (before, after))
    if unpaired := sorted(first.keys() ^ last.keys()):
        raise EdgeCountsUnreadable(f"read only once: {', '.join(unpaired)}")
    if restarted := [region for region in last if last[region] < first[region]]:
        raise EdgeCountsUnreadable(f"counters were reset during the run: {', '.join(restarted)}")
    return tuple(EdgeCount(region, last[region] - first[region]) for region in last)
