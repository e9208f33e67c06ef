"""A ledger as one HTML file that needs no network and no script. What targets and runs say is hostile until proven otherwise: everything is escaped."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from closeshave.readiness import telling
from closeshave.readiness.values import LedgerEvidence, PromiseOutcome, ReadinessLedger
from closeshave.report import words
from closeshave.report.html import TEMPLATES

CLASSES = {PromiseOutcome.VERIFIED: "pass", PromiseOutcome.REFUTED: "fail"}
"""Every other outcome looks inconclusive, because it is no success."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("closeshave.readiness"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clean"] = words.clean
    return environment


def render(found: ReadinessLedger, place: Path) -> str:
    """The page as it lies in the directory ``place``: its links lead from there to the pages of the runs."""
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - the package's own file
    template = _environment().get_template("readiness.html.j2")
    return template.render(
        css=style,
        found=found,
        headline=telling.headline(found),
        counts=telling.counts(found),
        conditions=telling.conditions(found),
        status={0: "pass", 1: "fail"}.get(found.exit_code, "inconclusive"),
        outcome=telling.outcome,
        marks=telling.MARKS,
        classes=CLASSES,
        link=lambda evidence: link(evidence, place),
    )


def link(evidence: LedgerEvidence, place: Path) -> str:
    """The address of a verdict on the page of its run; empty if the run has no page."""
    if not evidence.report:
        return ""
    path = quote(os.path.relpath(evidence.report, place), errors="replace")
    return f"{path}#{quote(evidence.anchor)}" if evidence.anchor else path
