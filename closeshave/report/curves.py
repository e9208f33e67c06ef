"""The curves that the page and the pictures both draw, computed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from closeshave.report.axis import Axis, axis
from closeshave.report.distribution import Distribution, distributions
from closeshave.report.findings import Findings
from closeshave.report.machine import Machine, machine
from closeshave.report.series import Series, series


@dataclass(frozen=True, slots=True)
class Curves:
    """A run over its time axis, and the spread of its response times."""

    axis: Axis
    series: Series
    distributions: tuple[Distribution, ...]
    machine: Machine | None


def curves(findings: Findings) -> Curves:
    """All that is drawn of a judged run."""
    history = findings.history
    when = axis(history, findings.assessment)
    return Curves(
        axis=when,
        series=series(history.operations, when),
        distributions=distributions(history.operations, history.manifest.phases),
        machine=machine(findings.resources, when),
    )
