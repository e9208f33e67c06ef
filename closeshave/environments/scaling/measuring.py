"""What an autoscaler decides by: CPU and memory of a region's instances, response times and queue at its balancer, requests at its edge."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from closeshave.clients import balancer, edges
from closeshave.clients.balancer_log import BalancerLog, plain_path
from closeshave.control import processes
from closeshave.deployment import Balancer, Deployment, Process
from closeshave.environments.scaling.rules import LoadSample


def instances_of(deployment: Deployment, region: str) -> tuple[Process, ...]:
    """Every declared instance of a region, in the order in which they are started."""
    return tuple(process for process in deployment.owned_by(region) if process.role == "app")


def balancer_of(deployment: Deployment, region: str) -> Balancer:
    """The region's balancer. Raises :class:`LookupError` for a deployment without one."""
    for each in deployment.balancers:
        if each.region == region:
            return each
    raise LookupError(f"{region} has no balancer that could be told to leave an instance out")


class LoadMeter:
    """Measures one region from its begin on. Used as a context manager."""

    def __init__(self, deployment: Deployment, region: str, memory_bytes: float, pressed: str = "") -> None:
        """``memory_bytes``: what an instance is given. ``pressed``: a path by which only load is made; whether it is answered does not matter.

        Raises :class:`closeshave.clients.balancer.Unavailable` and :class:`LookupError`.
        """
        self._root, self._memory_bytes = Path(deployment.root), memory_bytes
        self._instances = instances_of(deployment, region)
        self._balancer = balancer_of(deployment, region)
        self._edge = deployment.edge(region)
        self._pressed = f"GET {plain_path(pressed)}" if pressed else ""
        self._log = BalancerLog([self._balancer])
        self.answered: dict[str, int] = {}
        """Instance → how many requests it answered so far."""
        self.unanswered = 0
        """Requests so far that got no answer, or an error of the server's (5xx), through no doing of the customer."""
        self._cpu_s: dict[tuple[int, float], float] = {}
        self._at_s = time.monotonic()
        self._asked = edges.requests(self._edge)
        self._used()

    def sample(self) -> LoadSample:
        """What happened since the last sample. Raises :class:`closeshave.clients.balancer.Unavailable`."""
        views = {app.name: balancer.view(self._balancer, app.name) for app in self._instances}
        responses_s = list(self._ended())
        asked, now_s = edges.requests(self._edge), time.monotonic()
        # An edge that does not answer, or was started again, tells nothing.
        more, self._asked = max(0, asked - self._asked) if asked else 0, asked or self._asked
        passed_s, self._at_s = max(1e-3, now_s - self._at_s), now_s
        cpu_s, memory_bytes, running = self._used()
        return LoadSample(
            at_s=now_s,
            instances=running,
            cpu=cpu_s / passed_s / max(1, running),
            memory=memory_bytes / self._memory_bytes / max(1, running),
            response_s=sum(responses_s) / len(responses_s) if responses_s else None,
            queue=sum(view.in_flight for view in views.values()),
            asked_per_s=max(more, len(responses_s)) / passed_s,
        )

    def _ended(self) -> Iterable[float]:
        for request in self._log.taken():
            self.answered[request.instance] = self.answered.get(request.instance, 0) + 1
            bad = request.status < 0 or request.status >= 500
            self.unanswered += bad and not request.given_up and request.endpoint != self._pressed
            yield request.took_s

    def _used(self) -> tuple[float, float, int]:
        """CPU seconds since the last call, bytes in memory, and of how many instances."""
        used, held, running, now = 0.0, 0.0, 0, {}
        for app in self._instances:
            family = processes.family(self._root, app)
            running += bool(family)
            for identity in family:
                with contextlib.suppress(psutil.Error):
                    process = psutil.Process(identity.pid)
                    times = process.cpu_times()
                    key = (identity.pid, identity.started)
                    now[key] = times.user + times.system
                    used += now[key] - self._cpu_s.get(key, now[key] if not self._cpu_s else 0.0)
                    held += process.memory_info().rss
        self._cpu_s = now
        return used, held, running

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Follow the balancer no longer."""
        self._log.__exit__(kind, error, trace)
