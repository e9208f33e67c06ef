"""One instance more, or one fewer, while customers are served; and a region that no customer is sent to, because none of its instances runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from closeshave.clients import balancer
from closeshave.control import processes
from closeshave.control.waiting import obstacle
from closeshave.deployment import Balancer, Deployment, Process
from closeshave.environments.rollout import instances
from closeshave.environments.rollout.instances import RolloutLate, RolloutSite

LEFT_WITHIN_S = 20.0


def site(deployment: Deployment) -> RolloutSite:
    """Where instances are started, as programs of their own: a new machine has no interpreter that is warm."""
    root = Path(deployment.root)
    return RolloutSite(deployment, lambda process: processes.start(root, deployment.id, process))


def more(at: RolloutSite, process: Process) -> float:
    """Start an instance that does not run; returns the seconds until its balancer sends it requests. Raises
    :class:`closeshave.environments.rollout.instances.RolloutFailed`."""
    began_s = time.monotonic()
    instances.join(at, process)
    lead_in(at.deployment, str(process.region))
    return time.monotonic() - began_s


def fewer(at: RolloutSite, process: Process, *, last: bool) -> int:
    """Take an instance out of its balancer, wait until its requests have ended, and end it; returns how many had not ended. ``last``: no other one serves,
    so that customers must be sent elsewhere first. Raises :class:`closeshave.environments.rollout.instances.RolloutFailed`."""
    if last:
        lead_away(at.deployment, str(process.region))
    return instances.leave(at, process)


def lead_away(deployment: Deployment, region: str) -> None:
    """Let every edge send its customers to another region than this one. Raises :class:`closeshave.clients.balancer.Unavailable` and
    :class:`closeshave.environments.rollout.instances.RolloutLate`."""
    for edge in deployment.edge_balancers:
        balancer.drain(edge, region)
    _until(lambda: _in_flight(deployment, region), f"requests to {region} have not ended")


def lead_in(deployment: Deployment, region: str) -> None:
    """Let the edges send customers to this region again as soon as they find it healthy. Raises :class:`closeshave.clients.balancer.Unavailable`."""
    for edge in deployment.edge_balancers:
        if not balancer.view(edge, region).status.startswith("UP"):
            balancer.put_back(edge, region)


def reached(deployment: Deployment, region: str) -> str:
    """Why the region's own edge does not send its customers there; empty when it does. Raises :class:`closeshave.clients.balancer.Unavailable`."""
    seen = balancer.view(_own(deployment, region), region)
    return "" if seen.serves else f"the edge of {region} sees it as {seen.status}"


def _own(deployment: Deployment, region: str) -> Balancer:
    return next(edge for edge in deployment.edge_balancers if edge.region == region)


def _in_flight(deployment: Deployment, region: str) -> str:
    left = sum(balancer.view(edge, region).in_flight for edge in deployment.edge_balancers)
    return f"{left} in flight" if left else ""


def _until(look: Callable[[], str], trouble: str) -> None:
    if seen := obstacle(look, LEFT_WITHIN_S, instances.LOOK_EVERY_S):
        raise RolloutLate(f"{trouble} after {LEFT_WITHIN_S:g} s: {seen}")
