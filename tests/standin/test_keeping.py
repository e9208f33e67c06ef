"""What the stand-in says may be kept of its answers. Through a real edge: ``tests/probes/test_probes_over_edges.py``."""

from __future__ import annotations

import inspect

import pytest
from fastapi.routing import APIRoute

from closeshave.judge.evidence.refusals import MOMENT_NS
from closeshave.probes.families.edge import stated_s
from closeshave.probes.scene import ProbeAnswer
from closeshave.standin import keeping
from closeshave.standin.routes import appointments, auth, availability, catalogue, health, networks, payments

ROUTES = {
    route.path: route
    for area in (availability, appointments, catalogue, payments, auth, networks, health)
    for route in area.router.routes
    if isinstance(route, APIRoute) and "GET" in (route.methods or ())
}
SERVICES, SLOTS = "/api/v2/public/services/", "/api/v2/appointments/slots"


def said(path: str, status: int = 200) -> dict[str, str]:
    """The headers."""
    return {name.decode(): value.decode() for name, value in keeping.said(path, status)}


@pytest.mark.parametrize("path", sorted(ROUTES))
def test_only_what_asks_for_no_account_is_public(path: str) -> None:
    """Everything else is one customer's, or must be seen at once."""
    public = "public" in said(path)["cache-control"]
    assert public is (path in {SERVICES, SLOTS})
    assert public or said(path) == {"cache-control": "private, no-store"}
    assert not public or "bearer()" not in inspect.getsource(ROUTES[path].endpoint)


@pytest.mark.parametrize("path", sorted(keeping.PUBLIC))
def test_what_is_public_names_the_franchise_and_a_refusal_is_not_public(path: str) -> None:
    """The next customer may not be refused, and asks for another franchise perhaps."""
    assert path in ROUTES
    assert said(path)["vary"] == "X-Franchise-Id"
    assert {said(path, status)["cache-control"] for status in (201, 400, 401, 404, 429, 500, 503)} == {"private, no-store"}


def test_a_list_of_free_times_is_kept_for_less_than_a_moment() -> None:
    """Judges allow a list to be as old as a replica may be: with an edge in between no verdict means something else."""
    stated = stated_s(ProbeAnswer(200, said(SLOTS)), 3600.0)
    assert stated is not None
    assert stated * 1e9 < MOMENT_NS
