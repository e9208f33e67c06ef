"""The result of each case, in a file, so that an interrupted matrix can be continued."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from closeshave.files import unexpected, write_atomically
from closeshave.judge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """One case of the matrix."""

    case: str
    sort: str
    """``defect``, ``damage``, ``clean``, ``sabotage``, ``disturbed`` or ``clean drill``."""
    plan: str
    right: bool
    """Whether the verdict was the required one."""
    status: str
    """The status of the whole run."""
    verdict: str
    """ID of its verdict, with the status; for a clean platform the verdicts that did not pass."""
    reason: str
    witness: str
    run: str
    attempts: int
    """The number of runs until the harness was not disturbed."""
    detection: float | None
    """Probability that the run could show a defect of drawn franchises; ``None`` for a defect of all."""
    seed: int


def load(path: Path) -> dict[str, Result]:
    """The results so far, by case."""
    kept: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return {name: Result(**fields) for name, fields in kept.items()}


def save(path: Path, results: Mapping[str, Result]) -> None:
    """Write the results, completely or not at all."""
    write_atomically(path, json.dumps({name: asdict(result) for name, result in results.items()}, indent=1) + "\n")


def keep_traceback(error: Exception, runs: Path, case: str) -> str:
    """Write what kept a case from being carried out into the logs beside the runs; returns where it is."""
    return unexpected.keep(error, runs, case)


def brief(verdict: Verdict) -> str:
    """The first witness in one line."""
    if not verdict.witnesses:
        return ""
    shown = verdict.witnesses[0].facts()
    names = ("why", "id", "kind", "region", "franchise", "booking", "found_on", "status", "error", "key", "starts_at")
    return "; ".join(f"{name} {shown[name]}" if name != "why" else str(shown[name]) for name in names if shown.get(name) is not None)
