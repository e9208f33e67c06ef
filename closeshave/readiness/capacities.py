"""Capacity searches as evidence for promised rates: concluded again from their levels. A search that was interrupted, or that cannot be read, counts for
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from closeshave.capacity import directory
from closeshave.capacity.claimed import ClaimAnswer, ClaimSupport, rates
from closeshave.capacity.result import CapacityResult, StateCapacity, concluded, of_state, stated
from closeshave.files.rundir import NotARun
from closeshave.judge.verdict import Status, Verdict
from closeshave.readiness.evidence import PartVerdicts, RunEvidence, texts
from closeshave.readiness.reading import build_of, first_line, instant
from closeshave.target import MEASURES, Measure, Target, read_target
from closeshave.vocabulary import TARGET, EvidenceGrade

CAPACITY = "capacity"
"""The way of promises that a search answers, and the part of them."""
STATUSES = {ClaimSupport.MET: Status.PASS, ClaimSupport.REFUTED: Status.FAIL, ClaimSupport.NOT_SUPPORTED: Status.INCONCLUSIVE}


def is_search(path: Path) -> bool:
    """Whether a directory is that of a search, however much of it is left."""
    return any((path / name).is_file() for name in (directory.LEVELS, directory.RESULT))


def facts(path: Path) -> RunEvidence:
    """What is known of a search without concluding it again. Raises what its readers raise."""
    try:
        order, found = directory.order_of(path), directory.result_of(path)
    except NotARun as error:
        return RunEvidence(str(path), id=path.name, plan=CAPACITY, trouble=first_line(error))
    about = found.about
    run = _run(path, found)
    known = RunEvidence(
        str(path),
        id=path.name,
        plan=about.plan,
        environment=about.environment,
        target=about.target,
        started=instant(about.started_at),
        ended=instant(about.ended_at),
        grade=about.grade,
        version=order.version,
        build=build_of(run, order.version, about.grade) if run is not None else None,
        ways=frozenset({CAPACITY}),
        scale=f"on {about.scale}",
        report=str(path / directory.PAGE) if (path / directory.PAGE).is_file() else "",
    )
    if about.grade not in set(EvidenceGrade):
        return replace(known, trouble=f"what it can show is not known: its evidence is {about.grade!r}")
    if found.interrupted:
        return replace(known, stopped=found.interrupted)
    if run is None:
        return replace(known, trouble="the runs of its levels are gone, so its target is not known")
    target = read_target(run / TARGET)
    return replace(known, asked=frozenset(one.claim for one in rates(target)), texts=texts(target))


def judged(run: RunEvidence) -> RunEvidence:
    """The search with a verdict for each promised rate, from its levels."""
    path = Path(run.path)
    try:
        found = directory.result_of(path)
        level = _run(path, found)
        if level is None:
            return replace(run, trouble="the runs of its levels are gone, so its target is not known")
        again = _again(path, found, read_target(level / TARGET))
    except (NotARun, OSError, ValueError) as error:
        return replace(run, trouble=first_line(error))
    other = [one.claim for one, before in zip(again.claims, found.claims, strict=False) if one.support is not before.support]
    remark = (f"its {directory.RESULT} does not agree with its levels about {', '.join(other)}: the levels count",) if other else ()
    return replace(run, parts=tuple(_parts(again)), remarks=remark)


def _again(path: Path, found: CapacityResult, target: Target) -> CapacityResult:
    states = [_state(path, one, found.about.quota_cores) for one in found.states]
    return concluded(found.about, found.objectives, found.availability, states, rates(target), found.interrupted)


def _state(path: Path, before: StateCapacity, quota_cores: float | None) -> StateCapacity:
    if before.rules is None:
        return before
    return of_state(before.state, before.rules, directory.kept(path, before.state), quota_cores)


def _parts(found: CapacityResult) -> Iterator[PartVerdicts]:
    calm = found.states[0]
    for one in found.claims:
        yield PartVerdicts(one.claim, CAPACITY, (_verdict(one, calm),), frozenset({CAPACITY}))


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


def _run(path: Path, found: CapacityResult) -> Path | None:
    """The newest run of a level that is still there."""
    names = [level.run for state in found.states for level in state.levels if level.run]
    return next((path / name for name in reversed(names) if (path / name / TARGET).is_file()), None)
