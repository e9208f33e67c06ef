"""The same game day in the shape of Articles 25 and 26 of Commission Delegated Regulation (EU) 2024/1774, DORA's standards on ICT risk management.

It orders what is known; it does not say that an entity complies. What the articles ask for and a game day says nothing about is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from closeshave.comparison.retests import Deficiency
from closeshave.gameday.account import DoraSection, HarmAccount, InjectAccount
from closeshave.gameday.moments import clock
from closeshave.gameday.state import InjectKind
from closeshave.judge.measures.incidents import Aid
from closeshave.judge.verdict import Assessment, DrillFigures, FaultFigures, Status
from closeshave.plan import Plan
from closeshave.report import words

UNSTATED = "the plan does not say why it is plausible"
NOT_COVERED = (
    "the business impact analysis and the ICT risk assessment that the choice of scenarios rests on (Art. 25(1))",
    "third-party providers' own tests, their insolvency, and political risks in their countries (Art. 25(2)(b))",
    "cyber attacks, loss of premises and of staff, insider attacks, natural disasters (Art. 26(2))",
    "whether the management body was told of the deficiencies (Art. 25(5))",
)


def section(
    plan: Plan,
    injects: Sequence[InjectAccount],
    harm: Sequence[HarmAccount],
    assessment: Assessment,
    known: Sequence[Deficiency],
    missing: Sequence[str],
    unknown: tuple[str, str] = ("", ""),
) -> DoraSection:
    """The section of one game day. ``unknown``: why it is not known whom the faults harmed, and which deficiencies have been written down; empty where it
    is."""
    harm_unknown, remediation_unknown = unknown
    breaking = [each for each in injects if each.kind is not InjectKind.MESSAGE]
    return DoraSection(
        scenarios=tuple(f"{each.title} ({each.id}): {_came(each)}" for each in breaking) or ("none: only messages were given",),
        plausibility=tuple(_plausible(each, plan) for each in breaking),
        switchover=tuple(_switchover(assessment, harm, harm_unknown)) or ("no fault moved work to redundant capacity in this game day",),
        staff_response=tuple(f"{each.id}: {each.seen_of_people}" for each in breaking),
        findings=tuple(_findings(assessment, harm, harm_unknown)) or ("none",),
        remediation=(words.clean(f"unknown: {remediation_unknown}"),)
        if remediation_unknown
        else tuple(_remediation(known, missing)) or ("none written down",),
        not_covered=NOT_COVERED,
    )


def _came(one: InjectAccount) -> str:
    return f"began at {clock(one.begun_at_s)}" if one.begun_at_s is not None else f"did not begin: {one.how}"


def _plausible(one: InjectAccount, plan: Plan) -> str:
    inject = next(each for each in plan.inject if each.id == one.id)
    kind = next(each.kind for each in plan.disruptions if each.id == inject.begins)
    return f"{one.id} ({kind}): {inject.plausible or UNSTATED}"


def _switchover(assessment: Assessment, harm: Sequence[HarmAccount], harm_unknown: str) -> Iterator[str]:
    for fault in assessment.faults:
        if fault.injected_at_s is None or fault.kind.partition(".")[0] not in {"shard", "region", "cache"}:
            continue
        served = (
            "when it was served again is unknown" if fault.recovery_s is None else f"served again after {words.seconds(fault.recovery_s)}"
        )
        alone = _by_whom(fault, harm, harm_unknown)
        lost = "unknown" if fault.lost_writes is None else words.count(fault.lost_writes)
        back = "proven to be as before" if fault.healed_verified else "not proven to be as before"
        yield f"{fault.id} ({words.scope(fault.scope)}): {served}, {alone}; lost writes: {lost}; afterwards {back}"

    for drill in assessment.drills:
        if drill.ended is not None and drill.kind.partition(".")[0] in {"database", "shard", "region", "platform", "cache"}:
            yield f"{drill.id} ({words.scope(drill.scope)}): {drilled(drill)}"


def drilled(drill: DrillFigures) -> str:
    """What is known of a drill that was begun, in words."""
    ended = "without an end" if drill.ended is None else f"{words.spaced(drill.ended)} in {words.seconds(drill.duration_s)}"
    back = "proven to be put back" if drill.put_back_proven else "not proven to be put back"
    return f"drill {ended}; {words.count(drill.not_good)} requests were not good; {back}"


def _by_whom(fault: FaultFigures, harm: Sequence[HarmAccount], harm_unknown: str) -> str:
    """Where customers were harmed people may have brought it back: then the same is said as of the harm."""
    felt = next((each.brought_back_by for each in harm if each.fault == fault.id), None)
    if harm_unknown or felt == Aid.UNKNOWN.value:
        return "by whom is unknown"
    if felt is not None:
        return f"by {felt}"
    return {True: "by the platform itself", False: "not by the platform itself", None: "by whom is unknown"}[fault.self_recovered]


def _findings(assessment: Assessment, harm: Sequence[HarmAccount], harm_unknown: str) -> Iterator[str]:
    if harm_unknown:
        yield words.clean(f"whom the faults harmed is unknown: {harm_unknown}")
    for each in harm:
        yield f"{each.fault}: {words.count(each.requests)} requests of customers were not good ({each.severity})"
    for verdict in assessment.verdicts:
        if verdict.gates and verdict.status is not Status.PASS:
            yield words.clean(f"{verdict.status} {verdict.id}: {verdict.reason}")


def _remediation(known: Sequence[Deficiency], missing: Sequence[str]) -> Iterator[str]:
    for each in known:
        yield f"{each.id}: {each.what}; {each.owner}, until {each.due.isoformat()}, shown by a pass of {each.retest}"
    for name in missing:
        yield f"{name} failed, and no deficiency has been written down for it"
