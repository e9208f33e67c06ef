"""The edges' own statistics: their counters, and their view of regions; the harness's requests are not counted among the customers'."""

from __future__ import annotations

import csv

from closeshave.clients import ports
from closeshave.deployment import Edge

FRONTEND = "FRONTEND"


def statistics(edge: Edge, timeout_s: float = ports.TIMEOUT_S) -> bytes:
    """The statistics of the endpoint's HAProxy as it writes them, CSV. Raises :data:`~closeshave.clients.ports.Failed` when it does not tell."""
    return ports.NEW.get(edge.stats_url, timeout=timeout_s).raise_for_status().content


def requests(edge: Edge) -> int:
    """The number of requests of the endpoint since it started; 0 if it does not answer."""
    return next((int(row["req_tot"]) for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, FRONTEND)), 0)


def reaches(edge: Edge, region: str) -> str:
    """The endpoint's status of a region: ``UP``, ``DOWN`` …; empty if it does not answer."""
    return next((row["status"] for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, region)), "")


def _rows(edge: Edge) -> list[dict[str, str]]:
    answer = ports.get(edge.stats_url)
    return list(csv.DictReader(answer.text.removeprefix("# ").splitlines())) if answer is not None else []
