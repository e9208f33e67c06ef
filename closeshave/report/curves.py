"""The curves that the page and the pictures both draw, computed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from closeshave.report.axis import Axis, axis
from closeshave.report.distribution import Distribution, distributions
from closeshave.report.doubts import doubts
from closeshave.report.findings import Findings
from closeshave.report.machine import MachineUse, machine
from closeshave.report.parts import Selections, parts
from closeshave.report.series import TimeSeries, bin_width_s, series


@dataclass(frozen=True, slots=True)
class Curves:
    """A run over its time axis, and the spread of its response times."""

    axis: Axis
    series: TimeSeries
    distributions: tuple[Distribution, ...]
    machine: MachineUse | None
    parts: Selections
    """What the page's filters choose from."""


def curves(findings: Findings) -> Curves:
    """All that is drawn of a judged run."""
    history = findings.history
    when = axis(history, findings.assessment)
    when = replace(when, doubts=doubts(history, findings.plan, findings.target, when.zero_ns, when.span_s))
    chosen = parts(history.operations, when)
    return Curves(
        axis=when,
        # With many choices these have wider bins than a single curve would need.
        series=chosen.series if chosen.bin_s == bin_width_s(when.span_s) else series(history.operations, when),
        distributions=distributions(history.operations, history.manifest.phases),
        machine=machine(findings.resources, when),
        parts=chosen,
    )
