"""The edges' own statistics: what they counted, and where they lead; the harness's requests are not counted among the customers'."""

from __future__ import annotations

import csv

from closeshave.clients import ports
from closeshave.deployment import Edge

FRONTEND = "FRONTEND"


def requests(edge: Edge) -> int:
    """Requests of the endpoint since it started; 0 when it does not tell."""
    return next((int(row["req_tot"]) for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, FRONTEND)), 0)


def reaches(edge: Edge, region: str) -> str:
    """What the endpoint holds of a region as a place to send its customers to: ``UP``, ``DOWN`` …; empty when it does not tell."""
    return next((row["status"] for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, region)), "")


def _rows(edge: Edge) -> list[dict[str, str]]:
    answer = ports.get(edge.stats_url)
    return list(csv.DictReader(answer.text.removeprefix("# ").splitlines())) if answer is not None else []
