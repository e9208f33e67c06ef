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

    Every instance that runs here is asked itself, and every address of a remote platform, so that a single stand-in among others is enough. If none of
    them answers, nothing is known of the application, and the weakest grade counts.
    """
    if not deployment.processes:
        told = [_remote(deployment, edge.url) for edge in deployment.edges]
        return _grade(told, EvidenceGrade.VERIFIED)
    answers = [ports.fresh_answer(ports.url(app.ports[0], PATH)) for app in deployment.processes if app.role == "app"]
    return _grade([_json(body) if status else None for status, body in answers], EvidenceGrade.MEASURED)


def _grade(told: list[Any], otherwise: EvidenceGrade) -> EvidenceGrade:
    """From what each instance or address answered, ``None`` where none answered. Pure."""
    answered = [each for each in told if each is not None]
    return EvidenceGrade.REHEARSED if not answered or any(map(declares, answered)) else otherwise


def declares(told: Any) -> bool:
    """Whether an answer of the health route says that this is a stand-in. Pure."""
    return isinstance(told, dict) and told.get("stand_in") is True


def _json(text: str | bytes) -> Any:
    """The JSON of an answer; empty text where it is none or null: there was an answer all the same."""
    try:
        told = foreign.loads(text)
    except ValueError:
        return ""
    return "" if told is None else told


def _remote(deployment: Deployment, url: str) -> Any:
    with web.client(TIMEOUT_S, deployment.way(url)) as client:
        try:
            return _json(client.get(f"{url}{PATH}").content)
        except web.FAILED:
            return None
