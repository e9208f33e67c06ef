"""Which objectives of its target a plan can judge, and why every other promise has no verdict in its runs. Pure.

A plan may name what it tests (``tests``); by default that is all that its phases and faults can judge. An objective that is tested has a verdict, or
the run is inconclusive; one that is not tested is listed with its reason, and does not affect the result.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from closeshave.judge import kinds
from closeshave.judge.evidence.windows import ROLES
from closeshave.judge.verdict import NotRun, Status, Verdict
from closeshave.plan import Expected, Fault, Plan
from closeshave.target import OF_ALERTS, OF_PEOPLE, PER_FAULT, STEADY, Claim, Measure, Objective, Target

SCOPES = {
    "all": ("all",),
    "region": ("region:",),
    "shard": ("shard:",),
    "operation": ("operation:",),
    "franchise_decile": ("franchise_decile:",),
}
"""The first word of the scopes of an objective's verdicts, by the parts for which it is stated."""
OF_JOURNEYS = frozenset({Measure.DATABASE_TIME, Measure.CACHE_TIME, Measure.CACHE_HIT_RATIO})
"""Measures that only the harness's own journeys record."""
NO_VERDICT = "no-verdict"
PART = "part/"
NOBODY = {
    "attest": "attested by {owner}",
    "drill": "not run in this plan: it needs a drill, and a plan has none",
    "probe": "not run in this plan: it needs a probe (closeshave probe, or rounds of a plan)",
    "capacity": "not run in this plan: it needs a capacity search",
}
"""Why a promise without an objective is not tested, by the only way in which it can be tested."""


@dataclass(frozen=True, slots=True)
class PlanCoverage:
    """What a plan tests of a target, and what it does not."""

    objectives: tuple[Objective, ...]
    not_run: tuple[NotRun, ...]
    """Every promise that none of these objectives covers, with the reason."""
    in_part: tuple[NotRun, ...] = ()
    """The objectives that are not judged, of promises that something else answers; their IDs begin with :data:`PART`."""


def asked(plan: Plan, target: Target, known: Collection[str] = ()) -> PlanCoverage:
    """The objectives that a run of ``plan`` judges, and why it does not judge the other promises.

    ``known`` are the names of all kinds of faults; empty if they are not known.
    """
    chosen = tuple(objective for objective in target.objectives if not left_out(plan, target, objective, known))
    answered = {claim for objective in chosen for claim in objective.claims} | {claim for drill in plan.drills for claim in drill.claims}
    answered |= {claim for each in (plan.alerts.expected if plan.alerts else ()) for claim in each.claims}
    answered |= {claim.id for claim in target.claims if _in_rounds(claim, plan)}
    rows = [NotRun(claim.id, claim.text, _why(plan, target, claim, known)) for claim in target.claims if claim.id not in answered]
    return PlanCoverage(chosen, tuple(rows), tuple(_in_part(plan, target, answered, known)))


def _in_part(plan: Plan, target: Target, answered: Collection[str], known: Collection[str]) -> Iterator[NotRun]:
    for objective in target.objectives:
        half = [claim for claim in objective.claims if claim in answered]
        if half and (why := left_out(plan, target, objective, known)):
            yield NotRun(f"{PART}{objective.told}", f"{', '.join(half)} in part", why)


def _in_rounds(claim: Claim, plan: Plan) -> bool:
    """Whether a round of the plan asks a probe that the promise names. Both may be patterns."""
    asked_for = [pattern for each in plan.rounds for pattern in each.probes]
    return any(fnmatch.fnmatch(one, other) or fnmatch.fnmatch(other, one) for one in claim.probes for other in asked_for)


def unsaid(plan: Plan) -> tuple[NotRun, ...]:
    """What no run of the plan is asked, whatever its target promises, because its Locust file is the user's own and does not say enough."""
    found = []
    if plan.faults and not plan.probed:
        found.append(NotRun("recovery", "recovery", "the plan names no task of its Locust file as the canary (traffic.locust.canary)"))
    if not plan.tells_effects:
        found.append(
            NotRun("integrity", "integrity", "nobody said what a booking is: the Locust file reports no effects (traffic.locust.effects)")
        )
    return tuple(found)


def left_out(plan: Plan, target: Target, objective: Objective, known: Collection[str] = ()) -> str:
    """Why a run of the plan does not judge this objective; empty when it does."""
    if plan.tests and not named(plan.tests, objective):
        return "its objective is not among those that this plan tests"
    # With a pattern that no plan can match the promise would never be tested: an inconclusive verdict reports that.
    if any(unmatched(plan, objective, known)):
        return ""
    trouble = unable(plan, objective)
    if trouble and plan.tests and not any(not unable(plan, other) for other in target.objectives if other.id == objective.id):
        return ""
    return trouble


def named(tests: Sequence[str], objective: Objective) -> bool:
    """Whether a plan's tests name the objective, by its ID or a pattern of IDs."""
    return any(fnmatch.fnmatch(objective.id, pattern) for pattern in tests)


def unmatched(plan: Plan, objective: Objective, known: Collection[str]) -> Iterator[str]:
    """The objective's patterns of faults that match neither a known kind nor a fault of the plan; none if the kinds are not known."""
    names = {*known, *(fault.kind for fault in plan.faults)}
    yield from (each for each in objective.faults if known and kinds.matches_nothing(each, names))


def _of_alerts(plan: Plan, objective: Objective) -> str:
    """What the plan lacks for a measure of alerts; empty for others."""
    if objective.measure not in OF_ALERTS:
        return ""
    if plan.alerts is None:
        return "a plan that asks for alerts (alerts)"
    if objective.measure is Measure.ALERT_TIME and not _alerting(plan, objective):
        return f"an alert that is expected of a fault of {' or '.join(objective.faults)} (alerts.expected)"
    return ""


def unable(plan: Plan, objective: Objective) -> str:
    """Why the plan's phases and faults cannot test the objective; empty when they can."""
    covered = [fault for fault in plan.faults if objective.covers(fault)]
    patterns = " or ".join(objective.faults)
    needs = _of_alerts(plan, objective)
    if needs:
        pass
    elif objective.faults and not covered:
        needs = f"a fault of {patterns}"
    elif objective.measure in OF_PEOPLE and not any(each.fault is not None for each in plan.inject):
        needs = "an inject that begins a fault (closeshave gameday)"
    elif objective.measure is Measure.RESILIENCE and not plan.faults:
        needs = "a fault"
    elif objective.measure in {Measure.RECOVERY, Measure.RESILIENCE} and not plan.probed:
        needs = "a canary (traffic.locust.canary)"
    elif objective.measure in {Measure.INTEGRITY, Measure.LOSS} and not plan.tells_effects:
        needs = "a Locust file that says what a booking is (traffic.locust.effects)"
    elif plan.traffic.locust is not None and (objective.measure in OF_JOURNEYS or objective.per in {"shard", "franchise_decile"}):
        needs = "the journeys of the harness, which read franchises and times in answers"
    elif objective.window == "degraded" and not any(fault.expected is Expected.DEGRADES for fault in covered):
        needs = f"a fault of {patterns} that may degrade the service (expected: degrades)"
    elif (
        objective.measure in STEADY
        and objective.window in ROLES
        and not any(phase.role in ROLES[objective.window] for phase in plan.phases)
    ):
        needs = f"a {' or '.join(ROLES[objective.window])} phase"
    return f"its objective needs {needs}, and the plan has none" if needs else ""


def _alerting(plan: Plan, objective: Objective) -> list[Fault]:
    """The faults of which the plan expects an alert that an objective on the time to alert is about."""
    expected = plan.alerts.expected if plan.alerts is not None else ()
    wanted = {each.fault for each in expected if not objective.severities or each.severity in objective.severities}
    return [fault for fault in plan.faults if fault.id in wanted and objective.covers(fault)]


def _judged(plan: Plan, objective: Objective) -> list[Fault]:
    """The faults of the plan on which an objective should have a verdict each."""
    if objective.measure is Measure.ALERT_TIME:
        return _alerting(plan, objective)
    covered = [fault for fault in plan.faults if objective.covers(fault)]
    if objective.window == "degraded" and objective.measure not in PER_FAULT:
        return [fault for fault in covered if fault.expected is Expected.DEGRADES]
    return covered


def _why(plan: Plan, target: Target, claim: Claim, known: Collection[str]) -> str:
    about = [objective for objective in target.objectives if claim.id in objective.claims]
    if about:
        return next(filter(None, (left_out(plan, target, objective, known) for objective in about)), "")
    if claim.how[:1] == ("drill",) and plan.drills:
        return "not run in this plan: none of its drills names it (drills: claims)"
    if set(claim.how) <= set(NOBODY):
        return NOBODY[claim.how[0]].format(owner=claim.owner or "an owner who is not named")
    return "not run in this plan: no objective in this target"


def without_verdict(
    plan: Plan, target: Target, objectives: Sequence[Objective], verdicts: Sequence[Verdict], known: Collection[str] = ()
) -> tuple[Verdict, ...]:
    """An inconclusive verdict for each of these objectives that got none, so that no tested promise is missing from the report."""
    reasons: dict[str, tuple[Objective, str]] = {}
    for objective in objectives:
        if missing := [what for what, found in _answers(plan, target, objective, verdicts, known) if not found]:
            before = reasons[objective.id][1] + "; " if objective.id in reasons else ""
            reasons[objective.id] = (objective, f"{before}there is no verdict{': ' if missing[0] else ''}{', '.join(missing)}")
    return tuple(
        Verdict(
            id=f"{name}/{NO_VERDICT}",
            claims=objective.claims,
            status=Status.INCONCLUSIVE,
            measure=objective.measure.value,
            scope="all",
            measured=None,
            bound=objective.bound,
            unit="count",
            reason=reason,
        )
        for name, (objective, reason) in reasons.items()
    )


def _answers(
    plan: Plan, target: Target, objective: Objective, verdicts: Sequence[Verdict], known: Collection[str]
) -> Iterator[tuple[str, bool]]:
    """What this objective should have a verdict on, and whether it has one."""
    strangers = tuple(unmatched(plan, objective, known))
    for pattern in strangers:
        yield f"{pattern} matches no kind of fault{kinds.suggestion(pattern, known)}", False
    if strangers:
        return
    if trouble := unable(plan, objective):
        yield trouble, False
        return
    mine = [verdict for verdict in verdicts if verdict.id == objective.id or verdict.id.startswith(f"{objective.id}/")]
    if objective.faults:
        covered = _judged(plan, objective)
        for fault in covered:
            stem = f"{objective.id}/{fault.id}"
            yield f"nothing on {fault.id}", any(verdict.id == stem or verdict.id.startswith(f"{stem}/") for verdict in mine)
    elif objective.measure is Measure.INTEGRITY:
        for name in objective.invariants or ("",):
            yield name, any(verdict.measure == name or not name for verdict in mine)
    elif objective.measure in STEADY:
        alone = all(other.per != "all" for other in target.objectives if other.id == objective.id)
        begins = (*SCOPES[objective.per], *(("all",) if alone else ()))
        yield "", any(verdict.measure == objective.measure and verdict.scope.startswith(begins) for verdict in mine)
    else:
        yield "", bool(mine)
