"""Drills whose process is gone in the middle."""

from __future__ import annotations

from dataclasses import replace

from closeshave.drills.kind import DrillKind, DrillStep, DrillWork, Facts


class Killed(BaseException):
    """As nothing catches ``kill -9``."""


def killed_after(kind: DrillKind, name: str) -> DrillKind:
    """The drill, whose process is gone when this step is done."""
    at = [step.name for step in kind.steps].index(name)

    def killed(work: DrillWork) -> Facts:
        kind.steps[at].act(work)
        raise Killed

    return replace(kind, steps=(*kind.steps[:at], DrillStep(name, killed)))
