"""Carries out each case and compares the result with the required one."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from closeshave.clients import sentinel, valkey
from closeshave.conclusion import Conclusion, conclude
from closeshave.deployment import Deployment, routing_of
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import read_plan
from closeshave.standin import defects
from closeshave.standin.switches import LOOK_EVERY_S
from truth import disturbed as disturbing
from truth import drawing, scene
from truth import sabotage as sabotaging
from truth.damages import Damage
from truth.defects import Case
from truth.disturbed import Disturbance
from truth.drawing import Drawn
from truth.result import Result, brief
from truth.sabotage import Sabotage
from truth.stage import HERE, Stage

ATTEMPTS = 3
"""A run in which the machine, and not the planted defect, delayed the harness is not valid and is repeated."""
CLEAN = "clean"
"""A file that marks the directory of a clean run whose copies may be damaged."""
PAGES = "cache"
"""The tier that holds cached pages."""
UNSOUND = ("generator/", "reconciled", "complete", "host", "clock")


def defect(stage: Stage, case: Case) -> Result:
    """Plant the defect, carry out its plan, remove the defect."""
    deployed = stage.deployed
    plan = read_plan(HERE / "plans" / f"{case.plan}.yaml")
    drawn = case.draw(plan, deployed.topology)

    def anew() -> None:
        """Switch the defect off and on, because it remembers failures of the last run."""
        defects.clear(deployed, case.defect)
        time.sleep(2 * LOOK_EVERY_S)  # the processes' own interval: there is nothing to ask them
        defects.plant(deployed, case.defect, drawn.franchises)

    try:
        conclusion, attempts = _sound(stage, case.plan, lambda found: any(map(_convicts(case, drawn), _of(found, case.verdicts))), anew)
    finally:
        defects.clear(deployed, case.defect)
        _flush_pages(deployed)
    meant = _of(conclusion, case.verdicts)
    guilty = [verdict for verdict in meant if _convicts(case, drawn)(verdict)]
    shown = (guilty or meant)[:1]
    return Result(
        case=case.defect, sort="defect", plan=case.plan, right=bool(guilty), status=conclusion.assessment.status.value,
        verdict=f"{shown[0].id}: {shown[0].status}" if shown else f"{case.verdicts[0]}: not there",
        reason=shown[0].reason if shown else "", witness=brief(shown[0]) if shown else "", run=conclusion.run.name, attempts=attempts,
        detection=_detection(conclusion, case, drawn) if case.shown_by else None, seed=plan.seed,
    )  # fmt: skip


def _flush_pages(deployed: Deployment) -> None:
    """Remove cached pages: pages that a defect left stale would make every later trial on this environment fail."""
    for group in sentinel.groups_of(deployed, PAGES):
        valkey.flush(sentinel.primary(deployed, group))


def damage(stage: Stage, case: Damage, clean_run: Path | None) -> Result:
    """Damage a running trial, or a copy of a clean one."""
    if case.act is not None:
        with scene.damaged(stage.runs, case.act) as begin:
            conclusion = stage.carry_out(case.plan, begin)
    else:
        assert case.spoil is not None
        assert clean_run is not None
        conclusion = _spoilt(clean_run, case.spoil)
    meant = [verdict for verdict in _of(conclusion, case.verdicts) if verdict.status is Status.INCONCLUSIVE]
    right = [verdict for verdict in meant if re.search(case.reason, verdict.reason)]
    failing = [verdict for verdict in conclusion.assessment.verdicts if verdict.gates and verdict.status is Status.FAIL]
    shown = failing or right or _of(conclusion, case.verdicts)
    return Result(
        case=case.name, sort="damage", plan=case.plan, right=bool(right) and not failing, status=conclusion.assessment.status.value,
        verdict=f"{shown[0].id}: {shown[0].status}" if shown else f"{case.verdicts[0]}: not there",
        reason=shown[0].reason if shown else "", witness="", run=conclusion.run.name, attempts=1, detection=None,
        seed=conclusion.recorded.manifest.seed,
    )  # fmt: skip


def sabotage(stage: Stage, case: Sabotage) -> Result:
    """Make something wrong with a backup, a restore or a release while its drill's trial runs: the drill must fail for this reason."""
    try:
        with scene.damaged(stage.runs, case.act) as begin:
            conclusion = stage.carry_out(case.plan, begin)
    finally:
        _leave(stage)
    meant = _of(conclusion, (case.verdict,))
    right = [
        verdict
        for verdict in meant
        if verdict.status is Status.FAIL
        and re.search(case.reason, verdict.reason)
        and any(re.search(case.witness, str(witness.facts())) for witness in verdict.witnesses)
    ]
    shown = right or meant
    return Result(
        case=case.name, sort="sabotage", plan=case.plan, right=bool(right), status=conclusion.assessment.status.value,
        verdict=f"{shown[0].id}: {shown[0].status}" if shown else f"{case.verdict}: not there",
        reason=shown[0].reason if shown else "", witness=brief(shown[0]) if shown else "", run=conclusion.run.name, attempts=1, detection=None,
        seed=conclusion.recorded.manifest.seed,
    )  # fmt: skip


def disturbed(stage: Stage, case: Disturbance) -> Result:
    """Disturb a drill: it must be inconclusive for this reason, and nothing that is said of it may be a fail."""
    if case.act is None:
        conclusion = disturbing.carry_out_and_kill(stage, case.plan)
    else:
        with scene.damaged(stage.runs, case.act) as begin:
            conclusion = stage.carry_out(case.plan, begin)
    meant = _of(conclusion, (case.verdict,))
    right = [verdict for verdict in meant if verdict.status is Status.INCONCLUSIVE and re.search(case.reason, verdict.reason)]
    failing = [verdict for verdict in _of_drills(conclusion) if verdict.status is Status.FAIL]
    shown = failing or right or meant
    return Result(
        case=case.name, sort="disturbed", plan=case.plan, right=bool(right) and not failing, status=conclusion.assessment.status.value,
        verdict=f"{shown[0].id}: {shown[0].status}" if shown else f"{case.verdict}: not there",
        reason=shown[0].reason if shown else "", witness="", run=conclusion.run.name, attempts=1, detection=None,
        seed=conclusion.recorded.manifest.seed,
    )  # fmt: skip


def clean_drill(stage: Stage, name: str, plan: str) -> Result:
    """A drill of which nothing is wrong: all that is said of it must pass, and nothing else may fail."""

    def wrong(found: Conclusion) -> list[Verdict]:
        of_drills = _of_drills(found)
        failing = [verdict for verdict in found.assessment.verdicts if verdict.gates and verdict.status is Status.FAIL]
        return [*failing, *(verdict for verdict in of_drills if verdict.status is Status.INCONCLUSIVE)]

    try:
        conclusion, attempts = _sound(stage, plan, lambda found: bool(_of_drills(found)) and not wrong(found))
    finally:
        _leave(stage)
    left = wrong(conclusion)
    told = _of_drills(conclusion)
    return Result(
        case=name, sort="clean drill", plan=plan, right=bool(told) and not left, status=conclusion.assessment.status.value,
        verdict="; ".join(f"{verdict.id}: {verdict.status}" for verdict in left[:4]) or ("" if told else "nothing is said of the drill"),
        reason=left[0].reason if left else "", witness=brief(left[0]) if left else "", run=conclusion.run.name, attempts=attempts, detection=None,
        seed=conclusion.recorded.manifest.seed,
    )  # fmt: skip


def _of_drills(conclusion: Conclusion) -> list[Verdict]:
    """What is said of the drills and faults of a run, and of jobs that faults may have cost."""
    return [
        verdict
        for verdict in conclusion.assessment.verdicts
        if verdict.scope.startswith("drill:") or verdict.id in sabotaging.OF_JOBS or verdict.id.startswith("healed/")
    ]


def _leave(stage: Stage) -> None:
    """A range that has moved stays where it is, and does not move again: the next trial gets a new environment."""
    if routing_of(stage.deployed).moves:
        stage.spoil()


def clean(stage: Stage, name: str, plan: str) -> Result:
    """Test a correct platform: everything must pass."""
    conclusion, attempts = _sound(stage, plan, lambda found: found.assessment.status is Status.PASS)
    wrong = [verdict for verdict in conclusion.assessment.verdicts if verdict.gates and verdict.status is not Status.PASS]
    if not wrong:
        (conclusion.run / CLEAN).touch()
    return Result(
        case=name, sort="clean", plan=plan, right=conclusion.assessment.status is Status.PASS, status=conclusion.assessment.status.value,
        verdict="; ".join(f"{verdict.id}: {verdict.status}" for verdict in wrong[:4]), reason=wrong[0].reason if wrong else "",
        witness=brief(wrong[0]) if wrong else "", run=conclusion.run.name, attempts=attempts, detection=None,
        seed=conclusion.recorded.manifest.seed,
    )  # fmt: skip


def _sound(
    stage: Stage, plan: str, enough: Callable[[Conclusion], bool], prepare: Callable[[], None] = lambda: None
) -> tuple[Conclusion, int]:
    """The first run that is enough or in which the harness was not disturbed, else the last one; and the number of runs."""
    for attempt in range(1, ATTEMPTS + 1):
        prepare()
        conclusion = stage.carry_out(plan)
        if enough(conclusion) or not _unsound(conclusion) or attempt == ATTEMPTS:
            return conclusion, attempt
    raise AssertionError("unreachable")


def _unsound(conclusion: Conclusion) -> bool:
    """Whether nothing fails and a check of the harness itself is not passed."""
    verdicts = conclusion.assessment.verdicts
    troubled = any(verdict.status is Status.INCONCLUSIVE and verdict.id.startswith(UNSOUND) for verdict in verdicts)
    return troubled and not any(verdict.status is Status.FAIL and verdict.gates for verdict in verdicts)


def _of(conclusion: Conclusion, names: tuple[str, ...]) -> list[Verdict]:
    return [verdict for name in names for verdict in conclusion.assessment.verdicts if verdict.id == name]


def _convicts(case: Case, drawn: Drawn) -> Callable[[Verdict], bool]:
    """Whether the verdict fails, and all of its witnesses prove this defect."""
    return lambda verdict: (
        verdict.status is Status.FAIL and bool(verdict.witnesses) and all(case.right(witness, drawn) for witness in verdict.witnesses)
    )


def _detection(conclusion: Conclusion, case: Case, drawn: Drawn) -> float:
    operations = conclusion.recorded.operations
    trials = int(np.count_nonzero(operations["kind"].isin(case.shown_by) & (operations["source"] == "customers")))
    return drawing.detection(drawn.share, trials)


def _spoilt(clean_run: Path, spoil: Callable[[Path], object]) -> Conclusion:
    copy = clean_run.with_name(f"{clean_run.name}-spoilt")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(clean_run, copy)
    held = spoil(copy)
    with held if isinstance(held, contextlib.AbstractContextManager) else contextlib.nullcontext():
        return conclude(copy)
