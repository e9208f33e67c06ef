"""What came of each case, kept in a file so that an interrupted matrix goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from closeshave.files import write_atomically
from closeshave.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """One case of the matrix."""

    case: str
    sort: str
    """``defect``, ``damage`` or ``clean``."""
    plan: str
    right: bool
    """The verdict was what it must be."""
    status: str
    """Of the whole run."""
    verdict: str
    """ID of the verdict meant for it, with its status; for a clean platform what was not a pass."""
    reason: str
    witness: str
    run: str
    attempts: int
    """Runs it took until the harness itself was sound."""
    detection: float | None
    """Probability that the run could show a defect of drawn franchises; ``None`` where it is for all."""
    seed: int


def load(path: Path) -> dict[str, Result]:
    """The results so far, by case."""
    kept: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return {name: Result(**fields) for name, fields in kept.items()}


def save(path: Path, results: Mapping[str, Result]) -> None:
    """Write them, whole or not at all."""
    write_atomically(path, json.dumps({name: asdict(result) for name, result in results.items()}, indent=1) + "\n")


def brief(verdict: Verdict) -> str:
    """The first witness in a line."""
    if not verdict.witnesses:
        return ""
    shown = verdict.witnesses[0]
    names = ("why", "id", "kind", "region", "franchise", "booking", "found_on", "status", "error", "key", "starts_at")
    return "; ".join(f"{name} {shown[name]}" if name != "why" else str(shown[name]) for name in names if shown.get(name) is not None)
