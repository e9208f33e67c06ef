"""Capacity searches as evidence for promised rates: each level judged again from its run, and concluded again from that.

What the files of a search say of itself counts for nothing: neither its result nor its levels, but the runs of the levels alone. Without one of these, or
where they are not of one platform, the search proves nothing and says why. So does one that was interrupted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from closeshave import conclusion, history
from closeshave.capacity import directory, pools
from closeshave.capacity.claimed import ClaimAnswer, ClaimSupport, rates
from closeshave.capacity.level import LevelAsk, LevelPurpose, LevelResult
from closeshave.capacity.levelplan import AFTER, LEVEL
from closeshave.capacity.levelreading import objectives, read
from closeshave.capacity.result import CapacityResult, StateCapacity, concluded, not_searched, of_state, stated
from closeshave.capacity.states import CALM
from closeshave.conclusion import Conclusion
from closeshave.files import digest
from closeshave.files.rundir import NoRun, NotARun
from closeshave.history import Manifest
from closeshave.judge.verdict import Status, Verdict
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.readiness.evidence import PartVerdicts, RunEvidence, texts
from closeshave.readiness.reading import build_of, first_line, instant
from closeshave.target import MEASURES, Measure, read_target
from closeshave.vocabulary import MANIFEST, OPERATIONS_FILE, PLAN, TARGET, EvidenceGrade

CAPACITY = "capacity"
"""The way of promises that a search answers, and the part of them."""
STATUSES = {ClaimSupport.MET: Status.PASS, ClaimSupport.REFUTED: Status.FAIL, ClaimSupport.NOT_SUPPORTED: Status.INCONCLUSIVE}
NEEDED = (MANIFEST, PLAN, TARGET, OPERATIONS_FILE)
"""Files of a run without which its level cannot be judged again."""


@dataclass(frozen=True, slots=True)
class LevelRuns:
    """The runs of the calm levels of a search, which alone answer promised rates."""

    levels: Sequence[LevelResult]
    """In the order in which they were driven, as the search has written them down."""
    manifests: Mapping[str, Manifest]
    """Run → its manifest."""


def is_search(path: Path) -> bool:
    """Whether a directory is that of a search, however much of it is left."""
    return any((path / name).is_file() for name in (directory.LEVELS, directory.RESULT))


def facts(path: Path) -> RunEvidence:
    """What is known of a search without judging its levels again. Raises what its readers raise."""
    blank = RunEvidence(str(path), id=path.name, plan=CAPACITY)
    try:
        order, found = directory.order_of(path), directory.result_of(path)
        runs = _runs(path)
    except NotARun as error:
        return replace(blank, trouble=first_line(error))
    if why := _gone(path, runs.levels):
        return replace(blank, trouble=why)
    runs = replace(runs, manifests={one.run: history.load_manifest(path / one.run) for one in runs.levels})
    newest = runs.manifests[runs.levels[-1].run]
    topology = newest.topology
    quota = f", {order.quota_cores:g} cores for each region" if order.quota_cores is not None else ""
    known = replace(
        blank,
        plan=newest.plan,
        environment=newest.environment,
        target=newest.target,
        started=instant(runs.manifests[runs.levels[0].run].started_at),
        ended=instant(newest.ended_at),
        grade=newest.evidence,
        version=newest.version,
        build=build_of(path / runs.levels[-1].run, newest.version, newest.evidence),
        ways=frozenset({CAPACITY}),
        scale=f"on {counted(len(topology.regions), 'region')} and {counted(len(topology.shards), 'shard')}{quota}",
        report=str(path / directory.PAGE) if (path / directory.PAGE).is_file() else "",
    )
    if newest.evidence not in set(EvidenceGrade):
        return replace(known, trouble=f"what it can show is not known: its evidence is {newest.evidence!r}")
    if why := _mixed(path, runs):
        return replace(known, trouble=why)
    if found.interrupted:
        return replace(known, stopped=found.interrupted)
    target = read_target(path / runs.levels[-1].run / TARGET)
    return replace(known, asked=frozenset(one.claim for one in rates(target)), texts=texts(target))


def judged(run: RunEvidence) -> RunEvidence:
    """The search with a verdict for each promised rate, from the runs of its levels."""
    path = Path(run.path)
    try:
        found, told = directory.result_of(path), _runs(path).levels
        levels = _again(path, told)
        again = _concluded(run, found, levels, path)
    except (NotARun, NoRun, OSError, ValueError) as error:
        return replace(run, trouble=first_line(error))
    return replace(run, parts=tuple(_parts(again)), remarks=tuple(_remarks(found, again, told, levels)))


def _runs(path: Path) -> LevelRuns:
    return LevelRuns(directory.kept(path, CALM.name), {})


def _gone(path: Path, levels: Sequence[LevelResult]) -> str:
    """Why a level cannot be judged again; empty if every one can."""
    if not levels:
        return "no level of it in calm was finished"
    names = [one.run for one in levels]
    for number, name in enumerate(names, start=1):
        # A name and no path: a level is a run of its own search, and of no other level.
        if not name or Path(name).name != name or names.count(name) > 1:
            return f"level {number} names no run of its own, so it cannot be judged again"
        if lacking := [each for each in NEEDED if not (path / name / each).is_file()]:
            return f"the run {name} of level {number} is gone or lacks {' and '.join(lacking)}, so it cannot be judged again"
    return ""


def _mixed(path: Path, runs: LevelRuns) -> str:
    """In what its levels differ, so that they are not of one search; empty if in nothing."""
    found = [
        {
            "environments": one.environment,
            "targets": digest(path / name / TARGET),
            "kinds of evidence": one.evidence,
            "versions of Closeshave": one.version,
            "builds": build_of(path / name, one.version, one.evidence),
        }
        for name, one in runs.manifests.items()
    ]
    several = [what for what in found[0] if len({each[what] for each in found}) > 1]
    return f"its levels are of several {' and '.join(several)}" if several else ""


def _again(path: Path, told: Sequence[LevelResult]) -> list[LevelResult]:
    """Each level from its run, as the search read it. Raises as :func:`closeshave.conclusion.conclude` does."""
    levels: list[LevelResult] = []
    for one in told:
        said = conclusion.conclude(path / one.run)
        idle_ms = next((each.idle_ms for each in reversed(levels) if each.idle_ms is not None and each.rested_s is not None), None)
        promised = objectives(said.target, said.plan)
        took = (one.began_s, one.took_s)
        levels.append(read(said, _ask(one.ask, said), CALM, promised, took, idle_ms, partial(pools.during, path / pools.FILE)))
    return levels


def _ask(told: LevelAsk, said: Conclusion) -> LevelAsk:
    """What was asked of a level, by the plan of its run."""
    plan: Plan = said.plan
    level = next((one for one in plan.phases if one.name == LEVEL), None)
    if level is None:
        return told
    overload = any(one.name == AFTER for one in plan.phases)
    purpose = LevelPurpose.OVERLOAD if overload else LevelPurpose.STEP if told.purpose is LevelPurpose.OVERLOAD else told.purpose
    rate, length_s = (
        before if math.isclose(before, now, rel_tol=1e-6) else now
        for before, now in ((told.rate, level.sessions_per_s), (told.length_s, level.duration))
    )
    return LevelAsk(rate, length_s, purpose)


def _concluded(run: RunEvidence, found: CapacityResult, levels: Sequence[LevelResult], path: Path) -> CapacityResult:
    rules = next((one.rules for one in found.states if one.state == CALM.name), None)
    calm = not_searched(CALM.name, "its rules are not known") if rules is None else of_state(CALM.name, rules, levels)
    about = replace(found.about, environment=run.environment, target=run.target, grade=run.grade)
    target = read_target(path / levels[-1].run / TARGET)
    return concluded(about, found.objectives, found.availability, [calm], rates(target))


def _remarks(found: CapacityResult, again: CapacityResult, told: Sequence[LevelResult], levels: Sequence[LevelResult]) -> Iterator[str]:
    other = [str(at) for at, (one, before) in enumerate(zip(levels, told, strict=True), start=1) if one.status is not before.status]
    if other:
        yield f"its {directory.LEVELS} does not agree with its runs about level {', '.join(other)}: the runs count"
    before = {(one.claim, one.per_s): one.support for one in found.claims}
    if claims := list(dict.fromkeys(one.claim for one in again.claims if before.get((one.claim, one.per_s)) is not one.support)):
        yield f"its {directory.RESULT} does not agree with its levels about {', '.join(claims)}: the levels count"
    if found.about.grade != again.about.grade:
        yield f"its {directory.RESULT} calls its evidence {found.about.grade!r}, and its runs say {again.about.grade}: the runs count"


def _parts(found: CapacityResult) -> Iterator[PartVerdicts]:
    """One for each promise: of several rates that it promises each must be met, and not the lowest alone."""
    calm = found.states[0]
    for claim in dict.fromkeys(one.claim for one in found.claims):
        verdicts = tuple(_verdict(one, calm) for one in found.claims if one.claim == claim)
        yield PartVerdicts(claim, CAPACITY, verdicts, frozenset({CAPACITY}))


def _verdict(claim: ClaimAnswer, calm: StateCapacity) -> Verdict:
    known = calm.requests_per_s is not None and calm.too_high_requests_per_s is not None
    return Verdict(
        id=f"{CAPACITY}/{claim.claim}",
        claims=(claim.claim,),
        status=STATUSES[claim.support],
        measure=Measure.THROUGHPUT,
        scope="all",
        measured=calm.requests_per_s,
        bound=claim.per_s,
        unit=MEASURES[Measure.THROUGHPUT].unit,
        confidence=(calm.requests_per_s or 0.0, calm.too_high_requests_per_s or 0.0) if known else None,
        n=round(sum(one.figures.offered_per_s * one.ask.length_s for one in calm.levels if one.figures is not None)),
        reason="" if claim.support is ClaimSupport.MET else f"{claim.sentence}; {stated(calm)}",
    )
