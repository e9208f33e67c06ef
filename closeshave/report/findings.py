"""What every part of the report is made from, as one value: each sibling module turns it into one artefact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from closeshave.comparison.values import Comparison
from closeshave.history import History
from closeshave.judge.verdict import Assessment
from closeshave.plan import Plan
from closeshave.target import Target
from closeshave.vocabulary import DESCRIPTION, ENVIRONMENT, PLAN, RERUN, TARGET

ATTACHMENTS = (DESCRIPTION, RERUN)
"""Files of a run directory that the report shows as they are, when they exist."""


INPUTS: Mapping[str, str] = {"plan": PLAN, "target": TARGET, "environment": ENVIRONMENT}
"""Files that a person wrote and a run keeps word for word, by what they are."""


@dataclass(frozen=True, slots=True)
class Findings:
    """A judged run: what was asked, what was seen, what it means."""

    history: History
    plan: Plan
    target: Target
    assessment: Assessment
    exit_code: int
    resources: pd.DataFrame | None = None
    """Rows of :data:`closeshave.vocabulary.RESOURCES_FILE`; ``None`` when nothing was recorded."""
    attachments: Mapping[str, str] = field(default_factory=dict)
    """Contents of those of :data:`ATTACHMENTS` that exist, by file name."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the files of :data:`INPUTS` that exist, by what they are: two runs of the same are runs of the same promise."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where the plan and the target say it: ``objective:ID`` and ``fault:ID`` → line of the run's copy, from 1."""
    baseline: Comparison | None = None
    """The comparison with the run that the operator named as the baseline; ``None`` where none was named."""
    trend: str = ""
    """What the nights before say of this one, in a sentence; empty where nobody asked."""
