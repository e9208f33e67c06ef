"""The version that a running instance of the application says it is."""

from __future__ import annotations

from typing import Any

import httpx

from closeshave.clients import ports
from closeshave.deployment import Deployment, Process, VersionAt
from closeshave.files import foreign


def of(deployment: Deployment, app: Process) -> str | None:
    """What an instance answers; ``None`` if it does not say, or if the environment file does not state where it does."""
    asked = deployment.application.version
    answer = ports.get(ports.url(app.ports[0], asked.path)) if asked is not None else None
    return None if asked is None or answer is None else said(asked, answer)


def said(asked: VersionAt, answer: httpx.Response) -> str | None:
    """The version in an answer; ``None`` if it is not there."""
    if asked.header:
        header: str | None = answer.headers.get(asked.header)
        return header
    try:
        told: Any = foreign.loads(answer.content)
    except ValueError:
        return None
    for part in asked.member.split("."):
        told = told.get(part) if isinstance(told, dict) else None
    return None if told is None else str(told)
