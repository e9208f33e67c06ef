"""Reports of installed packages: one more file of a run directory each."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from closeshave import extensions, vocabulary
from closeshave.files import write_atomically
from closeshave.report.artefact import Report
from closeshave.report.findings import Findings

_LOG = logging.getLogger(__name__)
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
"""A name that is a path nowhere, and hidden nowhere."""
TAKEN = frozenset(value for value in vars(vocabulary).values() if isinstance(value, str) and FILE.fullmatch(value))
"""Names of a run's own files."""


def _unfit(added: extensions.Extension) -> str:
    """Why what a package adds is no report; empty when it is one."""
    if not isinstance(added.value, Report):
        return f"is {type(added.value).__name__}, not closeshave.report.artefact.Report"
    if not FILE.fullmatch(added.value.file):
        return f"would write {added.value.file!r}: give a file name with an ending, like verdicts.csv"
    return f"would write {added.value.file}, which is a file of every run" if added.value.file in TAKEN else ""


REPORTS: Mapping[str, Report] = MappingProxyType({each.name: each.value for each in extensions.load(extensions.REPORTS, _unfit)})
"""Every report of an installed package, by name."""


def write(run: Path, findings: Findings, reports: Mapping[str, Report] = REPORTS) -> None:
    """Write them. One that fails is logged, and leaves verdict and exit code as they are. Raises :class:`OSError`, as when the disk is full."""
    for name, report in reports.items():
        try:
            content = report.render(findings)
        except Exception as error:  # noqa: BLE001 - whatever a package's code does, the run's own report is there
            _LOG.error("the report %s could not be made: %s: %s", name, type(error).__name__, error)
            continue
        write_atomically(run / report.file, content)
