"""A plan as a game day: its cards, its runbooks, what an inject can reach, and the same at ten times the speed. Pure, but for reading the runbooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from closeshave.files.yamlfile import InvalidFile, Problem, document, line_of
from closeshave.gameday.course import Card
from closeshave.gameday.runbook import Runbook, read_runbook
from closeshave.gameday.state import InjectKind
from closeshave.plan import Disruption, Inject, Plan
from closeshave.scope import parts, struck
from closeshave.topology import Topology

FASTER = 10.0
"""How many times faster a dress rehearsal is."""


@dataclass(frozen=True, slots=True)
class GameDayPlan:
    """What a trial must know to let people hold its clock."""

    runbooks: Mapping[str, Runbook] = field(default_factory=dict)
    """Inject → its runbook."""
    rehearsal: bool = False
    """Whether nothing is broken."""


def read_runbooks(plan: Plan, path: Path) -> dict[str, Runbook]:
    """The runbooks of the injects of the plan in this file, by inject. Raises :class:`InvalidFile` that names every line that is wrong."""
    raw, found, problems = document(path), {}, []
    for index, each in enumerate(plan.inject):
        if each.runbook is None:
            continue
        place = ("inject", index, "runbook")
        file = path.absolute().parent / each.runbook
        if Path(each.runbook).is_absolute() or ".." in Path(each.runbook).parts:
            said = f"{each.runbook!r} is not below the plan's directory; a run keeps a copy in the same place"
        else:
            try:
                found[each.id] = read_runbook(file, each.runbook)
                continue
            except InvalidFile as error:
                said = f"{each.runbook}: {error.problems[0].message}"
        problems.append(Problem(str(path), line_of(raw, place), ".".join(map(str, place)), said))
    if problems:
        raise InvalidFile(*problems)
    return found


def unknown_regions(plan: Plan, topology: Topology) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Conditions on regions that the environment does not have: the key, and what would be right."""
    for index, each in enumerate(plan.inject):
        for number, condition in enumerate(each.go_if):
            if condition.region is not None and condition.region not in topology.regions:
                said = f"{condition.region!r} is not a region of this environment; available: {', '.join(topology.regions)}"
                yield ("inject", index, "go_if", number, "region"), said


def cards(plan: Plan, runbooks: Mapping[str, Runbook], lead_s: float) -> tuple[Card, ...]:
    """What the clock must know of the plan's injects. ``lead_s`` lies between the decision to begin a fault and its injection."""
    planned = {each.id: each for each in plan.disruptions}
    return tuple(
        Card(
            id=each.id,
            begins=each.begins,
            when_ns=None if each.when is None else round(each.when * 1e9),
            lasts_ns=0 if each.begins is None else round((lead_s + planned[each.begins].hold) * 1e9),
            together=frozenset() if each.begins is None else _together(plan, planned[each.begins]),
            steps=len(runbooks[each.id].steps) if each.id in runbooks else 0,
            hidden=each.hidden,
        )
        for each in plan.inject
    )


def _together(plan: Plan, mine: Disruption) -> frozenset[str]:
    """Those that the plan lets be in effect at the same time, by their own instants: that they may has been checked."""
    start_s = plan.starts_s(mine.phase) + mine.at
    others = ((each, plan.starts_s(each.phase) + each.at) for each in plan.disruptions if each.id != mine.id)
    return frozenset(each.id for each, at_s in others if start_s < at_s + each.hold and at_s < start_s + mine.hold)


def kind_of(inject: Inject) -> InjectKind:
    """What an inject does."""
    if inject.fault is not None:
        return InjectKind.FAULT
    return InjectKind.MESSAGE if inject.drill is None else InjectKind.DRILL


def blast_radius(inject: Inject, plan: Plan, topology: Topology) -> str:
    """What an inject can reach, in words: the parts that it and its healing affect, and whose customers they are."""
    one = next((each for each in plan.disruptions if each.id == inject.begins), None)
    if one is None:
        return "nothing: it is only a message"
    shards = [shard for shard in topology.shards if shard.id in struck(one, topology)]
    held = sum(shard.last - shard.first + 1 for shard in shards)
    whole = sum(shard.last - shard.first + 1 for shard in topology.shards)
    reached = ", ".join(sorted(parts(one.kind, one.scope, topology)))
    share = f"; {held:,} of {whole:,} franchises ({held / whole:.0%})" if held else ""
    return f"{one.kind} on {reached}{share}"


def rehearsed(plan: Plan) -> Plan:
    """The same plan at :data:`FASTER` times the speed. Rates stay: it is the clock that is tried."""

    def soon(value: float) -> float:
        return value / FASTER

    return replace(
        plan,
        phases=tuple(replace(each, duration=soon(each.duration)) for each in plan.phases),
        faults=tuple(replace(each, at=soon(each.at), hold=soon(each.hold)) for each in plan.faults),
        drills=tuple(replace(each, at=soon(each.at), limit=soon(each.limit)) for each in plan.drills),
        rounds=tuple(replace(each, at=soon(each.at)) for each in plan.rounds),
        inject=tuple(each if each.when is None else replace(each, when=soon(each.when)) for each in plan.inject),
    )
