"""From a run directory alone to verdicts and a report: what ``judge`` and ``report`` redo offline, as often as wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closeshave import history, judge, report, rundir
from closeshave.files import write_atomically
from closeshave.judge.verdict import Assessment
from closeshave.plan import Plan, Target, read_plan, read_target

ENDING = "ending"
"""A file with one word when a run did not end by itself: ``interrupted``, ``safety`` or ``environment``."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is said of a run, and the code that a command exits with."""

    run: Path
    assessment: Assessment
    exit_code: int
    report: Path | None = None


def note_ending(run: Path, word: str) -> None:
    """Remember why the run ended early, for whoever judges it again."""
    write_atomically(run / ENDING, word)


def assess(run: Path) -> Conclusion:
    """Judge the run. Raises :class:`FileNotFoundError` when ``run`` is no run directory, :class:`InvalidFile` when its plan cannot be read."""
    _, _, _, conclusion = _judged(run)
    return conclusion


def conclude(run: Path) -> Conclusion:
    """Judge the run and write every artefact of its report. Raises as :func:`assess` does."""
    recorded, plan, target, conclusion = _judged(run)
    page = report.write(run, recorded, plan, target, conclusion.assessment, conclusion.exit_code)
    return Conclusion(run, conclusion.assessment, conclusion.exit_code, page)


def _judged(run: Path) -> tuple[history.History, Plan, Target, Conclusion]:
    recorded = history.load(run)
    plan = read_plan(run / rundir.PLAN)
    target = read_target(run / rundir.TARGET)
    assessment = judge.assess(recorded, plan, target)
    ending = (run / ENDING).read_text().strip() if (run / ENDING).exists() else ""
    code = judge.exit_code(
        assessment,
        interrupted=ending == "interrupted",
        environment_failed=ending == "environment",
        stopped_for_safety=ending == "safety",
    )
    return recorded, plan, target, Conclusion(run, assessment, code)
