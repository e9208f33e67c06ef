"""Makes the account of a game day from what was recorded. Pure: files are read by :mod:`.writing`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from closeshave.comparison.retests import Deficiency
from closeshave.gameday import dora
from closeshave.gameday.account import (
    AfterAction,
    ChainAccount,
    HarmAccount,
    InjectAccount,
    JudgedOfPeople,
    LossAccount,
    RunbookAccount,
)
from closeshave.gameday.chain import ChainFinding
from closeshave.gameday.deficiencies import unrecorded
from closeshave.gameday.moments import on_one_axis
from closeshave.gameday.planned import kind_of
from closeshave.gameday.state import GameDayState, InjectKind, InjectStatus
from closeshave.history import History, InjectPassed
from closeshave.judge.measures.incidents import Aid, Incident
from closeshave.judge.verdict import Assessment, DrillFigures, FaultFigures, Status
from closeshave.plan import Inject, Plan
from closeshave.report import words
from closeshave.scope import struck
from closeshave.target import MEASURES, OF_PEOPLE
from closeshave.vocabulary import HumanMark

UNMARKED = "nobody marked anything; what people did is unknown"
UNTIMED = {
    InjectKind.MESSAGE: "not marked: a message has no marks",
    InjectKind.DRILL: "not measured: the times of people count from the first customer whom a fault harms",
}
HARM_UNKNOWN = "whom it harmed is unknown: the incidents of this run could not be found"


@dataclass(frozen=True, slots=True)
class GameDayRecord:
    """Everything that an account is made from."""

    history: History
    plan: Plan
    assessment: Assessment
    incidents: tuple[Incident, ...]
    state: GameDayState | None
    """The last one; ``None`` if there is none that can be read."""
    chain: ChainFinding | None
    deficiencies: tuple[Deficiency, ...] = ()
    incidents_unknown: str = ""
    """Why the incidents could not be found; empty when they could."""
    deficiencies_unknown: str = ""
    """Why the deficiencies could not be read; empty when they could."""


def account(found: GameDayRecord) -> AfterAction:
    """The after-action report of a run, as a value."""
    manifest, assessment = found.history.manifest, found.assessment
    injects = tuple(_inject(each, found) for each in found.plan.inject)
    harm = tuple(_harm(each, found) for each in found.incidents)
    failed = tuple(each.id for each in assessment.verdicts if each.gates and each.status is Status.FAIL)
    undecided = tuple(each.id for each in assessment.verdicts if each.gates and each.status is Status.INCONCLUSIVE)
    lost = tuple(_lost(each) for each in assessment.faults if each.injected_at_s is not None and _may_lose(each, found))
    runbooks = tuple(_runbooks(found))
    # Where they cannot be read, nobody knows what has been written down.
    missing = tuple(unrecorded(failed, found.deficiencies)) if not found.deficiencies_unknown else ()
    return AfterAction(
        run=manifest.id,
        plan=manifest.plan,
        environment=manifest.environment,
        target=manifest.target,
        started_at=manifest.started_at,
        ended_at=manifest.ended_at,
        rehearsal=manifest.game_day == "rehearsed",
        evidence=manifest.evidence,
        ended=manifest.interrupted
        or ("as planned" if manifest.ended_at else "the harness was killed; the janitor healed what was in effect"),
        injects=injects,
        timeline=on_one_axis(found.history, found.incidents, found.state, found.chain),
        harm=harm,
        lost=lost,
        runbooks=runbooks,
        people=tuple(_judged(found)),
        failed=failed,
        undecided=undecided,
        deficiencies=found.deficiencies,
        unrecorded=missing,
        unknown=tuple(_unknown(found, harm, lost)),
        chain=None if found.chain is None else ChainAccount(len(found.chain.links), found.chain.last, found.chain.wrong, found.chain.ended),
        dora=dora.section(
            found.plan, injects, harm, assessment, found.deficiencies, missing, (found.incidents_unknown, found.deficiencies_unknown)
        ),
        harm_unknown=found.incidents_unknown,
        deficiencies_unknown=found.deficiencies_unknown,
        notes={each.photo: each.text for each in (found.state.notes if found.state else ()) if each.photo},
    )


def zero_ns(history: History) -> int:
    """When the exercise began: that of the last phase; 0 for a run whose load never began."""
    return history.manifest.phases[-1].started_ns if history.manifest.phases else 0


def _inject(inject: Inject, found: GameDayRecord) -> InjectAccount:
    passed = [each for each in found.history.injects if each.inject == inject.id]
    begun = next((each for each in passed if each.edge == "begun"), None)
    last = passed[-1] if passed else None
    return InjectAccount(
        id=inject.id,
        title=inject.title,
        kind=kind_of(inject),
        status=_status(last),
        begun_at_s=None if begun is None else (begun.at_ns - zero_ns(found.history)) / 1e9,
        how=begun.why if begun is not None else last.why if last is not None else "the run does not say what became of it",
        expected_of_platform=inject.hypothesis,
        seen_of_platform=_of_platform(inject, found, begun),
        expected_of_people=inject.expected,
        seen_of_people=_of_people(inject, found, begun),
    )


def _status(last: InjectPassed | None) -> InjectStatus:
    if last is None:
        return InjectStatus.PLANNED
    return InjectStatus.STARTED if last.edge == "begun" else InjectStatus(last.edge)


def _of_platform(inject: Inject, found: GameDayRecord, begun: InjectPassed | None) -> str:
    if inject.begins is None:
        return "nothing was broken"
    if found.history.manifest.game_day == "rehearsed":
        return "a rehearsal: nothing was broken, so nothing was seen"
    if begun is None:
        return "it never began"
    drill = next((each for each in found.assessment.drills if each.id == inject.begins), None)
    if drill is not None:
        return _drilled(drill)
    fault = next((each for each in found.assessment.faults if each.id == inject.begins), None)
    if fault is None or fault.injected_at_s is None:
        return f"{inject.begins} was begun, and its injection is not on the timeline"
    return _broke(fault, found)


def _drilled(drill: DrillFigures) -> str:
    told = dora.drilled(drill)
    return told if drill.lost_writes is None else f"{told}; lost writes: {words.count(drill.lost_writes)}"


def _broke(fault: FaultFigures, found: GameDayRecord) -> str:
    incident = next((each for each in found.incidents if each.id == fault.id), None)
    told = [
        f"in effect after {words.seconds(_between(fault.injected_at_s, fault.observed_at_s))}"
        if fault.observed_at_s is not None
        else "not seen in effect"
    ]
    told.append(HARM_UNKNOWN if found.incidents_unknown else _harmed(incident))
    recovered = "unknown" if fault.recovery_s is None else f"{words.seconds(fault.recovery_s)} after the injection"
    told.append(f"served again: {recovered}")
    if incident is not None:
        told.append(f"brought back by: {_aid(incident)}")
    if fault.lost_writes is not None:
        told.append(f"lost writes: {words.count(fault.lost_writes)}")
    elif _may_lose(fault, found):
        told.append("lost writes: unknown")
    told.append("heal proven" if fault.healed_verified else "not proven healed")
    return "; ".join(told)


def _harmed(incident: Incident | None) -> str:
    if incident is None:
        return "no customer was harmed by it"
    told = f"{words.count(incident.harmed)} requests of customers in its scope were not good"
    return told if incident.sure else f"{told}, perhaps because other programs disturbed the machine"


def _aid(one: Incident) -> str:
    return "unknown: what would have happened without people was not tried" if one.aid is Aid.UNKNOWN else one.aid.value


def _between(earlier: float | None, later: float | None) -> float | None:
    return None if earlier is None or later is None else later - earlier


def _of_people(inject: Inject, found: GameDayRecord, begun: InjectPassed | None) -> str:
    if begun is None:
        return "it never began"
    incident = next((each for each in found.incidents if each.id == inject.begins), None)
    if nothing := UNTIMED.get(kind_of(inject)):
        return nothing
    if found.incidents_unknown:
        return HARM_UNKNOWN
    if incident is None:
        return "no customer was harmed, so there is no instant to count from"
    if not incident.marks:
        return UNMARKED
    told = []
    for mark in HumanMark:
        made = incident.marks.get(mark)
        told.append(f"{words.spaced(mark)} {'unknown' if made is None else _after(made, incident)}")
    return f"from the first {'' if incident.sure else 'perhaps '}harmed customer: {', '.join(told)}"


def _after(made: int, incident: Incident) -> str:
    after_s = (made - incident.harmed_ns) / 1e9
    return f"after {words.seconds(after_s)}" if after_s >= 0 else f"{words.seconds(-after_s)} before"


def _harm(one: Incident, found: GameDayRecord) -> HarmAccount:
    zero = zero_ns(found.history)
    noticed = one.marks.get(HumanMark.NOTICED)
    return HarmAccount(
        fault=one.id,
        sure=one.sure,
        severity=one.severity.value if one.severity else "unknown",
        first_at_s=(one.harmed_ns - zero) / 1e9,
        last_at_s=(one.last_harmed_ns - zero) / 1e9,
        requests=one.harmed,
        worst_minute=one.worst_minute if one.sure else None,
        alerted_s=None if one.alerted_ns is None else (one.alerted_ns - one.harmed_ns) / 1e9,
        noticed_s=None if noticed is None else max(0.0, (noticed - one.harmed_ns) / 1e9),
        restored_s=None if one.restored_ns is None else max(0.0, (one.restored_ns[1] - one.harmed_ns) / 1e9),
        brought_back_by=one.aid.value,
    )


def _may_lose(fault: FaultFigures, found: GameDayRecord) -> bool:
    """Whether data may be lost by it: a figure says so, or the shards that it strikes. Without a final state there is no figure of them."""
    planned = next((each for each in found.plan.faults if each.id == fault.id), None)
    return fault.lost_writes is not None or (planned is not None and bool(struck(planned, found.history.manifest.topology)))


def _lost(fault: FaultFigures) -> LossAccount:
    return LossAccount(fault.id, fault.lost_writes, fault.loss_window_s)


def _runbooks(found: GameDayRecord) -> Iterator[RunbookAccount]:
    for inject in found.state.injects if found.state else ():
        book = inject.runbook
        if book is None or inject.begun_at_s is None:
            continue
        ticked = [step for step in book.steps if step.done_at_s is not None]
        # A step is out of order if one that stands above it was ticked later, or never.
        early = [
            step
            for step in ticked
            if any(above.done_at_s is None or above.done_at_s > (step.done_at_s or 0.0) for above in book.steps[: step.index])
        ]
        yield RunbookAccount(
            inject.id, book.name, len(ticked), len(book.steps), tuple(step.text for step in book.steps if step.done_at_s is None),
            tuple(step.text for step in early),
        )  # fmt: skip


def _judged(found: GameDayRecord) -> Iterator[JudgedOfPeople]:
    measures = {each.value for each in OF_PEOPLE}
    for each in found.assessment.verdicts:
        if each.measure in measures:
            title = next(kind.title for measure, kind in MEASURES.items() if measure.value == each.measure)
            text = f"{title}: {words.measured(each)}, promised {words.bound(each)}"
            yield JudgedOfPeople(each.id, each.claims, each.status.value, text, each.reason)


def _unknown(found: GameDayRecord, harm: Sequence[HarmAccount], lost: Sequence[LossAccount]) -> Iterator[str]:
    unread = (
        ("whom the faults harmed", found.incidents_unknown),
        ("which deficiencies have been written down", found.deficiencies_unknown),
    )
    yield from (f"{what}: {why}" for what, why in unread if why)
    yield from (f"what {each.fault} cost in data" for each in lost if each.lost_writes is None)
    for each in harm:
        if not each.sure:
            yield f"whether {each.fault} harmed anybody: other programs disturbed the machine"
        if each.noticed_s is None:
            yield f"when {each.fault} was noticed: nobody marked it"
        if each.brought_back_by == Aid.UNKNOWN.value:
            yield f"whether the platform would have recovered from {each.fault} without people"
        if each.restored_s is None:
            yield f"when customers were served again after {each.fault}"
    if found.state is None:
        yield "notes and runbooks: the last state cannot be read"
    if found.chain is None:
        yield "whether the events are complete: there is no chain"
    elif found.chain.wrong:
        yield f"what happened after the last sound entry of the chain: {found.chain.wrong}"
