"""Reads a run's timeline as the tests of faults need it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from closeshave.files import read_lines
from closeshave.history import TIMELINE

WHOLE_LIFE = ["planned", "injected", "observed", "healed", "verified-healed"]


def edges(run: Path) -> list[str]:
    """The edges that faults passed, as written."""
    return [str(line["edge"]) for line in read_lines(run / TIMELINE) if line["type"] == "fault"]


def events(run: Path) -> dict[str, dict[str, Any]]:
    """The newest event of each edge."""
    return {line["edge"]: line for line in read_lines(run / TIMELINE) if line["type"] == "fault"}


def not_observed(run: Path) -> list[str]:
    """What the marks of faults say that were not observed."""
    return [detail for kind, detail in marks(run) if kind == "fault-not-observed"]


def marks(run: Path) -> list[tuple[str, str]]:
    """Kind and detail of every mark."""
    return [(line["kind"], line["detail"]) for line in read_lines(run / TIMELINE) if line["type"] == "mark"]
