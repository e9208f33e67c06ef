"""Plans from files."""

from __future__ import annotations

from pathlib import Path

from closeshave.files.yamlfile import (
    InvalidFile,
    Problem,
    document,
    line_of,
    read,
)
from closeshave.plan.checks import inconsistencies, misfits
from closeshave.plan.whole import Plan


def read_plan(path: Path) -> Plan:
    """Read and check a plan. Raises :class:`InvalidFile` with every problem found."""
    plan = read(path, Plan)
    raw = document(path)
    problems = [
        Problem(str(path), line_of(raw, location), ".".join(map(str, location)), message)
        for location, message in (*inconsistencies(plan), *misfits(plan, raw))
    ]
    if problems:
        raise InvalidFile(*problems)
    return plan
