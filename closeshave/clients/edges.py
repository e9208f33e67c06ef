"""The edges' own statistics: their counters, and their view of regions; the harness's requests are not counted among the customers'."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

from closeshave.clients import ports, web
from closeshave.deployment import Deployment, Edge
from closeshave.files import foreign

FRONTEND = "FRONTEND"


def answer(deployment: Deployment, edge: Edge, path: str, headers: Mapping[str, str] | None = None) -> ports.Answer | None:
    """The answer of an edge to a request as of its customers, who trust the environment's authority alone; ``None`` when there is none."""
    if edge.tls is None:
        return ports.get(f"{edge.url}{path}", headers)
    try:
        return _client(deployment.authority).get(f"{edge.url}{path}", headers=headers)
    except web.FAILED:
        return None


def fresh_answer(deployment: Deployment, edge: Edge, path: str) -> tuple[int, str]:
    """The HTTP status and the text of an edge's answer on a connection of its own; 0 when it does not answer."""
    if edge.tls is None:
        return ports.fresh_answer(f"{edge.url}{path}")
    try:
        with web.client(ports.TIMEOUT_S, authority=deployment.authority) as client:
            found = client.get(f"{edge.url}{path}")
    except web.FAILED:
        return 0, ""
    return found.status_code, foreign.text(found.content)


@cache
def _client(authority: str) -> web.Client:
    """One for all questions, because each new one takes time to make."""
    return web.client(ports.TIMEOUT_S, authority=authority)


def statistics(edge: Edge, timeout_s: float = ports.TIMEOUT_S) -> bytes:
    """The statistics of the endpoint's HAProxy as it writes them, CSV. Raises :data:`~closeshave.clients.ports.Failed` when it does not tell."""
    return ports.NEW.get(edge.stats_url, timeout=timeout_s).raise_for_status().content


def requests(edge: Edge) -> int:
    """The number of requests of the endpoint since it started; 0 if it does not answer."""
    return _counted(edge, "req_tot") or 0


def kept_answers(edge: Edge) -> int | None:
    """How many answers the endpoint gave from its cache since it started; ``None`` if it does not answer."""
    return _counted(edge, "cache_hits")


def _counted(edge: Edge, counter: str) -> int | None:
    """A counter of the endpoint, by HAProxy's name for it; ``None`` if it does not answer."""
    return next((int(row[counter]) for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, FRONTEND)), None)


def reaches(edge: Edge, region: str) -> str:
    """The endpoint's status of a region: ``UP``, ``DOWN`` …; empty if it does not answer."""
    return next((row["status"] for row in _rows(edge) if (row["pxname"], row["svname"]) == (edge.frontend, region)), "")


def _rows(edge: Edge) -> list[dict[str, str]]:
    answer = ports.get(edge.stats_url)
    return list(csv.DictReader(answer.text.removeprefix("# ").splitlines())) if answer is not None else []
