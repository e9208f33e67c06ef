"""What a report of an installed package is described by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closeshave.report.findings import Findings


@dataclass(frozen=True, slots=True)
class Report:
    """A file that is made of a judged run."""

    file: str
    """Its name in the run directory."""
    render: Callable[[Findings], bytes]
    """Its content."""
