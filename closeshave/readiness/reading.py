"""What directories of runs and of rounds have in common: instants, the build that was tested, and errors in a line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from closeshave.files import digest, foreign
from closeshave.vocabulary import DESCRIPTION, ENVIRONMENT, EvidenceGrade

DIGITS = 12
"""Of a digest, where a person reads it."""
OF_THE_PLAN = frozenset({"etcd", "toxiproxy"})
"""Parts that are there, or of another version, because of what a plan breaks: they tell no two builds of a platform apart."""


def build_of(path: Path, version: str, evidence: str) -> str | None:
    """Which build of the platform was tested, in words: release, versions of the parts, and a digest of the environment file. ``version`` is that of
    the harness.

    ``None`` if neither a release nor a version was recorded: the file alone does not say what ran.
    """
    environment = described(path)
    release, versions = environment.get("release"), environment.get("versions")
    told = versions if isinstance(versions, dict) else {}
    parts = [f"{name} {version}" for name, version in sorted(told.items()) if name not in OF_THE_PLAN]
    if not release and not parts:
        return None
    whose = [f"release {release}"] if release else []
    if evidence == EvidenceGrade.REHEARSED:
        whose.append(f"stand-in of Closeshave {version}")
    if (path / ENVIRONMENT).is_file():
        whose.append(f"environment file {digest(path / ENVIRONMENT)[:DIGITS]}")
    return ", ".join((*whose, *parts))


def described(path: Path) -> Mapping[str, Any]:
    """What ``environment.json`` says of the environment; empty if it is missing or damaged: then its facts are not known."""
    try:
        told: Any = foreign.loads((path / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return {}
    found = told.get("environment") if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def instant(told: str | None) -> datetime | None:
    """An instant with its offset from UTC; ``None`` for what is none."""
    try:
        found = datetime.fromisoformat(told or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error) or type(error).__name__).partition("\n")[0]
