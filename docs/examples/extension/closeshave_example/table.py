"""A report: the verdicts as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io

from closeshave.report.artefact import Report
from closeshave.report.findings import Findings


def render(findings: Findings) -> bytes:
    """One row a verdict. Text that a spreadsheet would take for a formula is marked as text."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["verdict", "status", "measured", "bound", "unit", "reason"])
    for verdict in findings.assessment.verdicts:
        row = [verdict.id, verdict.status.value, verdict.measured, verdict.bound, verdict.unit, verdict.reason]
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell for cell in row])
    return table.getvalue().encode("utf-8", "replace")


REPORT = Report(file="verdicts.csv", render=render)
