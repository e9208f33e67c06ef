"""Whether each region of a platform is ready: by the status code or the body, as its file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closeshave.clients import web
from closeshave.deployment import Capabilities, Edge, Proxy, load
from closeshave.environments.status import PartStatus
from closeshave.files import foreign

TIMEOUT_S = 5.0


def status(root: Path) -> tuple[PartStatus, ...]:
    """Every region's readiness. Raises :class:`FileNotFoundError` where no run uses the platform."""
    deployment = load(root)
    return tuple(_status(edge, deployment.api.ready, deployment.capabilities, deployment.proxy) for edge in deployment.edges)


def is_ready(code: int, body: Any, by: str) -> bool:
    """Whether an answer means ready. The real application always answers 200; its state is in the body. Pure."""
    if by == "code":
        return code == 200
    return isinstance(body, dict) and body.get("status") == "ready"


def _status(edge: Edge, path: str, capabilities: Capabilities, proxy: Proxy | None = None) -> PartStatus:
    try:
        with web.client(TIMEOUT_S, proxy) as client:
            answer = client.get(edge.url + path)
    except web.FAILED as error:
        return PartStatus(edge.region, "region", edge.region, running=False, detail=type(error).__name__)
    try:
        body = foreign.loads(answer.content)
    except ValueError:
        body = None
    ready = is_ready(answer.status_code, body, capabilities.ready_by)
    return PartStatus(edge.region, "region", edge.region, ready, "ready" if ready else f"not ready: answers {answer.status_code}")
