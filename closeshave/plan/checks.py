"""What is wrong with a plan whose parts are right one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from closeshave.files.closest import meant
from closeshave.operations import OPERATIONS
from closeshave.plan.disruptions import Disruption
from closeshave.plan.names import MOST_PARTS
from closeshave.plan.phases import Phase, Role
from closeshave.plan.whole import Plan
from closeshave.shapes import Replayed

Trouble = tuple[tuple[str | int, ...], str]
"""The key of a problem in a plan, and how to correct it."""


def inconsistencies(plan: Plan) -> list[Trouble]:
    """What does not fit together in a plan whose values are right one by one."""
    found: list[Trouble] = []
    phases = {phase.name: phase for phase in plan.phases}
    if long := next((key for key in ("phases", "faults", "drills", "rounds", "inject") if len(getattr(plan, key)) > MOST_PARTS), None):
        return [((long,), f"at most {MOST_PARTS:,}")]
    if not plan.phases:
        found.append((("phases",), "a plan needs at least one phase"))
    if len(phases) != len(plan.phases):
        found.append((("phases",), "phase names must differ"))
    if plan.duration_s > plan.limits.duration:
        found.append(
            (("limits", "duration"), f"the phases last {plan.duration_s:g} s, longer than the limit of {plan.limits.duration:g} s")
        )
    return [
        *found,
        *_wrong_rate(plan),
        *_wrong_means(plan),
        *_wrong_faults(plan, phases),
        *_wrong_drills(plan, phases),
        *_wrong_nemesis(plan, phases),
        *_wrong_rounds(plan, phases),
        *_wrong_injects(plan),
        *_wrong_alerts(plan),
    ]


def _wrong_rate(plan: Plan) -> Iterator[Trouble]:
    if plan.rate == "auto" and plan.traffic.locust is not None:
        yield ("rate",), "a calibration needs the journeys of the harness; with a Locust file of your own write rate: fixed"
    if plan.rate == "auto" and (files := [phase.name for phase in plan.phases if isinstance(phase.shape, Replayed)]):
        yield ("rate",), f"the arrivals of {files[0]} are replayed from a file and cannot be scaled; write rate: fixed"


def _wrong_means(plan: Plan) -> Iterator[Trouble]:
    """Means of operations that no scenario can send: they would be left out of what is checked before the start."""
    for name in plan.traffic.per_session:
        if name not in OPERATIONS:
            said = f"{name!r} is not an operation{meant(name, OPERATIONS)}; available: {', '.join(OPERATIONS)}"
            yield ("traffic", "per_session", name), said


def _wrong_faults(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[Trouble]:
    if len({fault.id for fault in plan.faults}) != len(plan.faults):
        yield ("faults",), "fault IDs must differ"
    for index, fault in enumerate(plan.faults):
        if trouble := _no_fault_phase(fault.phase, phases):
            yield ("faults", index, "phase"), trouble
        elif fault.at + fault.hold > (lasts := phases[fault.phase].duration):
            yield ("faults", index, "hold"), f"at + hold is {fault.at + fault.hold:g} s, past the end of its phase ({lasts:g} s)"


def _wrong_drills(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[Trouble]:
    if len({drill.id for drill in plan.drills}) != len(plan.drills):
        yield ("drills",), "drill IDs must differ"
    for shared in sorted({drill.id for drill in plan.drills} & {fault.id for fault in plan.faults}):
        yield ("drills",), f"{shared!r} is the ID of a fault too; drills and faults need different IDs"
    for index, drill in enumerate(plan.drills):
        if trouble := _no_fault_phase(drill.phase, phases, "drills"):
            yield ("drills", index, "phase"), trouble
        elif drill.at + drill.limit > (lasts := phases[drill.phase].duration):
            yield ("drills", index, "limit"), f"at + limit is {drill.at + drill.limit:g} s, past the end of its phase ({lasts:g} s)"


def _wrong_nemesis(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[Trouble]:
    if plan.nemesis is None:
        return
    if trouble := _no_fault_phase(plan.nemesis.phase, phases):
        yield ("nemesis", "phase"), trouble
    elif plan.nemesis.hold > (lasts := phases[plan.nemesis.phase].duration):
        yield ("nemesis", "hold"), "is longer than its phase"
    elif lasts / plan.nemesis.every > MOST_PARTS:
        yield ("nemesis", "every"), f"asks for {lasts / plan.nemesis.every:,.0f} faults in its phase; at most {MOST_PARTS:,}"
    for key, planned in (("faults", plan.faults), ("drills", plan.drills)):
        if taken := [each.id for each in planned if each.id.startswith("nemesis-")]:
            yield (key,), f"the IDs of drawn faults begin with nemesis-; call {', '.join(taken)} something else"


def _wrong_rounds(plan: Plan, phases: Mapping[str, Phase]) -> Iterator[Trouble]:
    if len({each.id for each in plan.rounds}) != len(plan.rounds):
        yield ("rounds",), "IDs of rounds must differ"
    for index, each in enumerate(plan.rounds):
        if each.phase not in phases:
            said = f"{each.phase!r} is not a phase of this plan{meant(each.phase, phases)}; available: {', '.join(phases)}"
            yield ("rounds", index, "phase"), said
        elif each.at >= (lasts := phases[each.phase].duration):
            yield ("rounds", index, "at"), f"{each.at:g} s is past the end of its phase ({lasts:g} s)"


def _wrong_injects(plan: Plan) -> Iterator[Trouble]:
    """The exercise of a game day is the plan's last phase."""
    if not plan.inject:
        return
    exercise = plan.phases[-1] if plan.phases else None
    if exercise is None or exercise.role is not Role.FAULT:
        yield ("inject",), "the last phase is the exercise, as long as it may last; its role must be fault"
        return
    if len({each.id for each in plan.inject}) != len(plan.inject):
        yield ("inject",), "IDs of injects must differ"
    begun: set[str] = set()
    latest_s = 0.0
    for index, each in enumerate(plan.inject):
        yield from _wrong_inject(plan, index, exercise, begun)
        begun |= {each.begins} if each.begins is not None else set()
        if each.when is not None and each.when < latest_s:
            yield ("inject", index, "when"), "is before that of an inject above it: list them in the order of their instants"
        latest_s = max(latest_s, each.when or 0.0)


def not_by_people(plan: Plan) -> Iterator[Trouble]:
    """What keeps a plan from being a game day, although it can be run: something in it begins without a person. Each with the key."""
    if not plan.inject:
        yield ("inject",), "is missing: a game day needs at least one inject"
    if plan.nemesis is not None:
        yield ("nemesis",), "a game day has no random faults: people hold its clock"
    begun = {each.begins for each in plan.inject}
    listed: tuple[tuple[str, Sequence[Disruption]], ...] = (("faults", plan.faults), ("drills", plan.drills))
    for key, planned in listed:
        for index, one in enumerate(planned):
            if one.id not in begun:
                yield (key, index, "id"), f"no inject begins {one.id}, and in a game day nothing else does"


def _wrong_inject(plan: Plan, index: int, exercise: Phase, begun: AbstractSet[str]) -> Iterator[Trouble]:
    """What is wrong with one inject; ``begun`` are the faults and drills of those above it."""
    each = plan.inject[index]
    hold_s = 0.0
    for key, planned in (("fault", plan.faults), ("drill", plan.drills)):
        name, there = getattr(each, key), {one.id: one for one in planned}
        if name is not None and name not in there:
            available = ", ".join(there) or "none"
            yield ("inject", index, key), f"{name!r} is not a {key} of this plan{meant(name, there)}; available: {available}"
        elif name is not None:
            hold_s = there[name].hold
            if there[name].phase != exercise.name:
                yield ("inject", index, key), f"{name} is in phase {there[name].phase}; the exercise is the last one, {exercise.name}"
    if each.begins in begun:
        yield ("inject", index), f"{each.begins} is begun by an inject above it; a fault or drill begins once"
    if each.when is not None and each.when + hold_s > exercise.duration:
        said = f"it would last until {each.when + hold_s:g} s, past the end of the exercise ({exercise.duration:g} s)"
        yield ("inject", index, "when"), said


def misfits(plan: Plan, raw: Mapping[str, Any]) -> Iterator[Trouble]:
    """Bounds of conditions that are not written as their figure is: ``5%`` of a response time. The value alone does not tell."""
    for index, each in enumerate(plan.inject):
        for number, condition in enumerate(each.go_if):
            told = raw["inject"][index]["go_if"][number]
            for key in ("at_most", "at_least"):
                if (text := told.get(key)) is None:
                    continue
                try:
                    condition.figure.written(text)
                except ValueError as error:
                    yield ("inject", index, "go_if", number, key), f"{condition.figure}: {error}"


def _wrong_alerts(plan: Plan) -> Iterator[Trouble]:
    if plan.alerts is None:
        return
    there = {fault.id for fault in plan.faults}
    rows = [(each.fault, each.alert) for each in plan.alerts.expected]
    if len(rows) > MOST_PARTS:
        yield ("alerts", "expected"), f"at most {MOST_PARTS:,}"
        return
    for index, each in enumerate(plan.alerts.expected):
        if each.fault not in there:
            said = f"{each.fault!r} is not a fault of this plan{meant(each.fault, there)}; available: {', '.join(sorted(there)) or 'none'}"
            yield ("alerts", "expected", index, "fault"), said
        elif (each.fault, each.alert) in rows[:index]:
            yield ("alerts", "expected", index), f"{each.alert} is expected of {each.fault} twice"


def _no_fault_phase(name: str, phases: Mapping[str, Phase], what: str = "faults") -> str:
    """Why no fault (``what`` says what) may be in the phase with this name; empty when one may."""
    if name not in phases:
        return f"{name!r} is not a phase of this plan{meant(name, phases)}; available: {', '.join(phases)}"
    if phases[name].role is not Role.FAULT:
        return f"{name!r} is a {phases[name].role} phase; {what} must be in fault phases"
    return ""
