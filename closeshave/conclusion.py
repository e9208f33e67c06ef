"""Computes verdicts and a report from a run directory alone; ``judge`` and ``report`` repeat this offline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closeshave import extensions, history, judge, report
from closeshave.comparison import nights, stored
from closeshave.comparison.compare import compare
from closeshave.comparison.trend import trend
from closeshave.files import rundir, unexpected, write_atomically
from closeshave.files.jsonfile import Damaged
from closeshave.gameday import writing as after
from closeshave.judge.verdict import Assessment, Verdict
from closeshave.plan import Plan, read_plan
from closeshave.report.curves import Curves, curves
from closeshave.report.findings import Findings
from closeshave.report.github import Annotation
from closeshave.target import Target, read_target
from closeshave.trial import carried, nemesis
from closeshave.vocabulary import ENDING, MANIFEST, PLAN, TARGET, Ending


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The verdicts on a run, their evidence, and the exit code of the command."""

    run: Path
    recorded: history.History
    plan: Plan
    target: Target
    assessment: Assessment
    exit_code: int
    tracebacks: str = ""
    """The file with the tracebacks of judges that failed; empty when none did."""


def note_ending(run: Path, ending: Ending | None) -> None:
    """Record why the run ended early, for a later judging."""
    write_atomically(run / ENDING, ending or "")


def conclude(run: Path) -> Conclusion:
    """Judge the run; writes nothing but the tracebacks of judges that failed, into its logs.

    Raises :class:`closeshave.files.rundir.NotARun` when ``run`` is no run directory, :class:`NoRun` when it does not tell how it ended,
    :class:`InvalidFile` when its plan or target cannot be read or an installed package adds something that cannot be used, :class:`OSError`.
    """
    extensions.refuse_broken()
    recorded, plan, target, ending = read(run)
    assessment = judge.assess(recorded, plan, target, _asked(run, plan, target))
    return Conclusion(run, recorded, plan, target, assessment, judge.exit_code(assessment, ending), _kept(assessment, run))


def _asked(run: Path, plan: Plan, target: Target) -> list[Verdict]:
    """The verdicts of the plan's rounds of probes."""
    if not plan.rounds:
        return []
    from closeshave.probes import verdicts  # noqa: PLC0415 - few plans have rounds, and with the probes come the clients of every server

    return [verdict for each in plan.rounds for verdict in verdicts.of_trial(run, each.id, each.probes, target)]


def _kept(assessment: Assessment, run: Path) -> str:
    told = "\n".join(f"the judge of {name}\n{text}" for name, text in assessment.tracebacks.items())
    return unexpected.keep_text(told, run, "judging") if told else ""


def read(run: Path) -> tuple[history.History, Plan, Target, Ending | None]:
    """What a run recorded, its plan, its target, and how it ended early (``None`` when it did not). Raises as :func:`conclude` does."""
    recorded = _recorded(run)
    try:
        plan = carried.out(read_plan(run / PLAN), nemesis.load(run), recorded.manifest)
    except Damaged as error:
        raise rundir.NoRun(f"{run} cannot be judged: {error}") from None
    except carried.UnfitLengths:
        raise rundir.NoRun(f"the {history.MANIFEST} of this run has lengths that the phases of its {PLAN} cannot have") from None
    return recorded, plan, read_target(run / TARGET), ended_early(run)


def _recorded(run: Path) -> history.History:
    try:
        return history.load(run)
    except FileNotFoundError as error:
        below = sorted(path.parent for path in run.glob(f"*/{MANIFEST}"))
        near = f"; did you mean {below[-1]}?" if below else ""
        raise rundir.NotARun(f"{run} is not a run directory: {error.filename or error} is missing{near}") from None
    except ValueError as error:
        said = str(error).partition("\n")[0]
        raise rundir.NoRun(f"{run} cannot be judged: its {history.MANIFEST} is damaged ({said})") from None


def ended_early(run: Path) -> Ending | None:
    """How the run ended early; ``None`` when it did not.

    Raises :class:`closeshave.files.rundir.NoRun` for a file that cannot be read: it must not count as a normal end; and :class:`OSError`.
    """
    try:
        word = (run / ENDING).read_bytes().strip().decode("ascii", "replace")
        return Ending(word) if word else None
    except FileNotFoundError:
        return None
    except ValueError:
        raise rundir.NoRun(f"{run} cannot be judged: its file '{ENDING}' is damaged, so it is unknown how the run ended") from None


def publish(conclusion: Conclusion, others: report.OtherRuns | None = None) -> Path:
    """Write all files of the report into the run directory; returns the path of the page. ``others`` is what other runs say of this one.

    Raises :class:`OSError`.
    """
    said = conclusion
    if said.recorded.manifest.game_day:
        after.write(said.run, after.gather(said.run, said.recorded, said.plan, said.target, said.assessment))
    return report.write(said.run, said.recorded, said.plan, said.target, said.assessment, said.exit_code, others or report.OtherRuns())


def annotated(conclusion: Conclusion) -> list[Annotation]:
    """What a CI job shows beside the lines of plan and target. Raises :class:`OSError`."""
    said = conclusion
    return report.annotated(said.run, said.recorded, said.plan, said.target, said.assessment, said.exit_code)


def curves_of(run: Path) -> Curves:
    """What is drawn of a run over its time. Raises as :func:`conclude` does."""
    said = conclude(run)
    return curves(Findings(said.recorded, said.plan, said.target, said.assessment, said.exit_code))


def beside(conclusion: Conclusion, baseline: Path | None, history: Path | None = None) -> report.OtherRuns:
    """What other runs say of this one: a baseline, and the nights before. A file of nights gets this one appended.

    Raises :class:`closeshave.files.rundir.NotARun` or :class:`closeshave.files.jsonfile.Damaged` for a baseline that is no judged run or a file that holds
    no nights, :class:`OSError`.
    """
    if baseline is None and history is None:
        return report.OtherRuns()
    mine = _stored(conclusion)
    return report.OtherRuns(
        None if baseline is None else compare(stored.load(baseline), mine), "" if history is None else _trend(history, mine)
    )


def _trend(history: Path, mine: stored.StoredRun) -> str:
    tonight = nights.night(mine)
    before = nights.read(history) if history.exists() else ()
    if tonight is None:
        return "this run ended early, so it is no night of the trend."
    if not history.is_dir():
        nights.append(history, tonight)
    others = [one for one in nights.alike(before, tonight) if one.run != tonight.run and one.at <= tonight.at]
    return trend([*others, tonight]).sentence


def _stored(conclusion: Conclusion) -> stored.StoredRun:
    told = report.summarize(
        conclusion.run, conclusion.recorded, conclusion.plan, conclusion.target, conclusion.assessment, conclusion.exit_code
    )
    return stored.read(told, conclusion.run)


def summary(conclusion: Conclusion) -> dict[str, Any]:
    """The verdicts for other programs, as in ``summary.json``; writes nothing. Raises :class:`OSError`."""
    said = conclusion
    told: dict[str, Any] = json.loads(report.summarize(said.run, said.recorded, said.plan, said.target, said.assessment, said.exit_code))
    return told
