"""Targets: what a platform promises, and the objectives that test it, read from YAML files into frozen values. No effects besides reading the files.

May import: files, plan, vocabulary.
"""

from closeshave.target.claims import MONTH_S, Assumptions, Claim, Statement
from closeshave.target.measures import (
    FROM_BELOW,
    MEASURES,
    OF_ALERTS,
    OF_PEOPLE,
    PER_FAULT,
    SHARES,
    STEADY,
    TIMES,
    Measure,
    MeasureKind,
    wrong_side,
)
from closeshave.target.objectives import CONFIDENCE_LEAST, Objective
from closeshave.target.reading import read_target
from closeshave.target.whole import Target

__all__ = [
    "CONFIDENCE_LEAST",
    "FROM_BELOW",
    "MEASURES",
    "MONTH_S",
    "OF_ALERTS",
    "OF_PEOPLE",
    "PER_FAULT",
    "SHARES",
    "STEADY",
    "TIMES",
    "Assumptions",
    "Claim",
    "Measure",
    "MeasureKind",
    "Objective",
    "Statement",
    "Target",
    "read_target",
    "wrong_side",
]
