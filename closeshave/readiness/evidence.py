"""What a run says of each promise: its verdicts by the objective that they answer. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from closeshave.judge.asked import SCOPES
from closeshave.judge.verdict import Assessment, Status, Verdict
from closeshave.judge.verdictkinds import VerdictKind, kind_of
from closeshave.plan import Plan, Role, Waiver
from closeshave.probes.catalogue import matching
from closeshave.target import STEADY, Objective, Target

DRILL = "drill"
"""The way of promises that drills answer; each kind of drill is a part of its own."""
PROBE = "probe"
"""The way of promises that probes answer; each probe is a part of its own."""
OTHER = "other"
"""Verdicts that name the promise and are of no objective of its."""


@dataclass(frozen=True, slots=True)
class PartVerdicts:
    """What one run says of one part of a promise."""

    claim: str
    part: str
    """Of :func:`part_of`, :func:`drill_part`, :func:`probe_part` or :data:`OTHER`."""
    verdicts: tuple[Verdict, ...]
    """At least one."""
    ways: frozenset[str] = frozenset()
    """In which ways this part was tried, if not in all of the run's."""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run that was found. What cannot be read has its default."""

    path: str
    id: str = ""
    plan: str = ""
    environment: str = ""
    target: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    """With their offsets from UTC."""
    grade: str = ""
    version: str = ""
    """Of the harness that recorded it."""
    build: str | None = None
    """Which build of the platform ran, in words; ``None`` if the run does not say."""
    trouble: str = ""
    """Why nothing of it can be judged; empty if it can."""
    stopped: str = ""
    """Why it ended early; empty if it did not."""
    for_safety: bool = False
    """Whether it stopped itself for safety: then what it refuted is refuted."""
    asked: frozenset[str] = frozenset()
    """The promises that its plan tests."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Promise → :func:`text_of` as the run's own target has it."""
    waive: tuple[Waiver, ...] = ()
    """Of its plan."""
    ways: frozenset[str] = frozenset()
    """Ways in which it tests: ``load``, ``fault``, ``drill``; ``probe`` alone for a round of probes."""
    scale: str = ""
    """At which rate and size it was made, in words."""
    parts: tuple[PartVerdicts, ...] = ()
    """What its judges say again of each promise; empty for a run that was not judged, because it cannot count."""
    report: str = ""
    """The path of its page; empty if there is none."""
    anchors: Mapping[str, str] = field(default_factory=dict)
    """Verdict → its place on that page."""
    remarks: tuple[str, ...] = ()
    """What else must be known of it."""


def part_of(objective: Objective) -> str:
    """What tells an objective from the others of a target: ``recovery of shard.*``, ``availability by region``."""
    words = [objective.id]
    if objective.per != "all":
        words.append(f"by {objective.per.replace('_', ' ')}")
    if objective.faults:
        words.append(f"of {' or '.join(objective.faults)}")
    return " ".join(words)


def parts(target: Target, claim: str) -> tuple[str, ...]:
    """The parts of a promise that its target's objectives and probes test."""
    patterns = [pattern for one in target.claims if one.id == claim for pattern in one.probes]
    # A pattern that no probe has: nothing ever answers it.
    probes = [name for pattern in patterns for name in (matching([pattern]) or (pattern,))]
    return (*(part_of(one) for one in target.objectives if claim in one.claims), *map(probe_part, dict.fromkeys(probes)))


def probe_part(name: str) -> str:
    """The part of a promise that a probe answers."""
    return f"{PROBE} {name}"


def drill_part(kind: str) -> str:
    """The part of a promise that a kind of drill answers: a restore that passed says nothing of a deploy that was not decided."""
    return f"{DRILL} {kind}"


def text_of(target: Target, claim: str) -> str | None:
    """A digest of all that a promise says: its words, its ways, its objectives, and its probes with the figures that they are judged by; ``None`` if the
    target does not have it.

    Waivers, and whether the launch needs it, are no part of it: they say how the evidence is used.
    """
    found = next((one for one in target.claims if one.id == claim), None)
    if found is None:
        return None
    told: dict[str, object] = {
        "text": found.text,
        "how": list(found.how),
        "objectives": sorted(json.dumps(asdict(one), sort_keys=True, default=str) for one in target.objectives if claim in one.claims),
    }
    if found.probes:
        told |= {"probes": list(found.probes), "says": [asdict(one) for one in found.says]}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def texts(target: Target) -> Mapping[str, str]:
    """:func:`text_of` of every promise."""
    return {one.id: text_of(target, one.id) or "" for one in target.claims}


def answers(assessment: Assessment, plan: Plan, target: Target) -> tuple[PartVerdicts, ...]:
    """The verdicts on each part of each promise.

    A pass of a run that cannot be trusted is inconclusive here: a precondition that does not hold takes it back, with its reason. A fail stays.
    """
    trusted = tuple(_trusted(assessment.verdicts, plan, target))
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in trusted:
        for claim in verdict.claims:
            for part in _parts_of(verdict, claim, plan, target):
                found.setdefault((claim, part), []).append(verdict)
    return tuple(PartVerdicts(claim, part, tuple(several), _tried(several, plan)) for (claim, part), several in found.items())


def _tried(verdicts: Sequence[Verdict], plan: Plan) -> frozenset[str]:
    """The ways of a part that rounds of probes answered under load, some of them in fault phases; empty for every other part."""
    rounds = {one.id: one.phase for one in plan.rounds}
    faulty = {phase.name for phase in plan.phases if phase.role is Role.FAULT}
    phases = {rounds.get(one.id.split("/")[1], "") for one in verdicts if one.id.startswith(f"{PROBE}/")}
    return frozenset({PROBE, "load", *(("fault",) if phases & faulty and plan.faults else ())}) if phases else frozenset()


def _parts_of(verdict: Verdict, claim: str, plan: Plan, target: Target) -> Sequence[str]:
    if verdict.scope.startswith("drill:"):
        drill = verdict.scope.removeprefix("drill:")
        return (drill_part(next((one.kind for one in plan.drills if one.id == drill), drill)),)
    if verdict.id.startswith(f"{PROBE}/"):
        return (probe_part(verdict.id.rpartition("/")[2]),)
    named = [one for one in _named(verdict, target) if claim in one.claims]
    fitting = [one for one in named if _fits(verdict, one, plan, target)]
    # What fits none, such as "there is no verdict", is said of all of them.
    return [part_of(one) for one in fitting or named] or (OTHER,)


def _named(verdict: Verdict, target: Target) -> list[Objective]:
    """Objectives share an ID, and the IDs of their verdicts begin with it."""
    return [one for one in target.objectives if verdict.id == one.id or verdict.id.startswith(f"{one.id}/")]


def _fits(verdict: Verdict, objective: Objective, plan: Plan, target: Target) -> bool:
    if objective.faults:
        fault = verdict.id.removeprefix(objective.id).lstrip("/").partition("/")[0]
        return any(one.id == fault and objective.covers(one) for one in plan.faults)
    if objective.measure not in STEADY:
        return True
    alone = all(one.per != "all" for one in target.objectives if one.id == objective.id)
    return verdict.measure == objective.measure and verdict.scope.startswith((*SCOPES[objective.per], *(("all",) if alone else ())))


def _trusted(verdicts: Sequence[Verdict], plan: Plan, target: Target) -> Iterator[Verdict]:
    doubts = [one for one in verdicts if one.gates and one.status is not Status.PASS and kind_of(one) is VerdictKind.PRECONDITION]
    for verdict in verdicts:
        doubt = next((one for one in doubts if verdict.status is Status.PASS and _concerns(one, verdict, plan, target)), None)
        if doubt is None:
            yield verdict
        else:
            yield replace(verdict, status=Status.INCONCLUSIVE, reason=f"the run cannot be trusted: {doubt.id}: {doubt.reason}")


def _concerns(doubt: Verdict, verdict: Verdict, plan: Plan, target: Target) -> bool:
    """Whether a precondition that does not hold takes a pass back: one on a single fault says nothing of the calm phase or of other faults."""
    fault, planned = doubt.scope.removeprefix("fault:"), {one.id for one in plan.faults}
    if not doubt.scope.startswith("fault:") or fault not in planned:
        return True
    named = _named(verdict, target)
    in_calm = bool(named) and all(one.measure in STEADY and one.window == "calm" for one in named)
    return not in_calm and not any(part in planned - {fault} for part in verdict.id.split("/"))
