"""What a run on a platform can show, from what the running platform says of itself. No file can say otherwise."""

from __future__ import annotations

from typing import Any

from closeshave.clients import ports, web
from closeshave.deployment import Deployment
from closeshave.files import foreign
from closeshave.vocabulary import EvidenceGrade

PATH = "/health"
TIMEOUT_S = 5.0


def of(deployment: Deployment) -> EvidenceGrade:
    """The grade of the running platform: a stand-in declares itself in its health route (``stand_in: true``).

    Every instance that runs here is asked itself, so that a single stand-in among others is enough. If none of them answers, nothing is known of the
    application, and the weakest grade counts.
    """
    if not deployment.processes:
        told = [_remote(deployment, edge.url) for edge in deployment.edges]
        return EvidenceGrade.REHEARSED if any(map(declares, told)) else EvidenceGrade.VERIFIED
    answers = [ports.fresh_answer(ports.url(app.ports[0], PATH)) for app in deployment.processes if app.role == "app"]
    declared = any(declares(_json(body)) for _, body in answers)
    return EvidenceGrade.REHEARSED if declared or not any(status for status, _ in answers) else EvidenceGrade.MEASURED


def declares(told: Any) -> bool:
    """Whether an answer of the health route says that this is a stand-in. Pure."""
    return isinstance(told, dict) and told.get("stand_in") is True


def _json(text: str | bytes) -> Any:
    try:
        return foreign.loads(text)
    except ValueError:
        return None


def _remote(deployment: Deployment, url: str) -> Any:
    with web.client(TIMEOUT_S, deployment.way(url)) as client:
        try:
            return _json(client.get(f"{url}{PATH}").content)
        except web.FAILED:
            return None
