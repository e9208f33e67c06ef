"""What a whole search says: each state of failure, the headroom between them, promised rates; its sentence and its exit code. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from closeshave.capacity.character import DriftSaid, OverloadSaid, drifts, overload
from closeshave.capacity.claimed import ClaimAnswer, ClaimedRate, ClaimSupport, answered
from closeshave.capacity.level import LevelPurpose, LevelResult, LevelStatus
from closeshave.capacity.limiting import LimitingSaid, limiting
from closeshave.capacity.search import CapacityFound, SearchEnd, SearchRules, settled
from closeshave.vocabulary import EvidenceGrade, Exit

SCHEMA: Literal["closeshave.capacity/1"] = "closeshave.capacity/1"
STATED = frozenset({SearchEnd.FOUND, SearchEnd.AT_LEAST, SearchEnd.NARROWED})
"""Ends after which a confirmed rate may be quoted as a capacity, or as *at least* so much."""


@dataclass(frozen=True, slots=True)
class CapacityObjective:
    """An objective that holds at the capacity."""

    id: str
    """Its ID in the target."""
    percentile: float
    """From 0 to 1."""
    at_most_s: float
    """Seconds that the percentile may take."""


@dataclass(frozen=True, slots=True)
class StateCapacity:
    """The capacity in one state of failure."""

    state: str
    """``calm``, or the fault and its scope."""
    found: CapacityFound
    """What its levels support."""
    requests_per_s: float | None
    """Requests per second that were offered at the confirmed rate; ``null`` if none was confirmed."""
    too_high_requests_per_s: float | None
    """Requests per second offered at the lowest rate that is proven to break; ``null`` if none is."""
    limiting: LimitingSaid | None
    """What is the limit at the knee; ``null`` where it was not recorded."""
    overload: OverloadSaid | None
    """What happens above the capacity; ``null`` where that was not tried."""
    drifts: tuple[DriftSaid, ...]
    """How the platform changed with time during the search."""
    levels: tuple[LevelResult, ...]
    """In the order in which they were driven."""
    rules: SearchRules | None = None
    """What was fixed before the first level; ``null`` where none was driven."""
    unknown: str = ""
    """Why this state was not searched; empty where it was."""


@dataclass(frozen=True, slots=True)
class Headroom:
    """What must be kept free in calm so that a state of failure is survived."""

    state: str
    """The state of failure."""
    share: float
    """Share of the calm capacity that is missing in this state, 0 to 1."""
    keep_below_per_s: float
    """Requests per second: more than this in calm would be too much in this state."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class CapacityAbout:
    """What was searched."""

    plan: str
    """The name of the plan."""
    environment: str
    """The name of the environment."""
    target: str
    """The name of the target."""
    grade: str
    """What runs here can show: ``rehearsed``, ``measured`` or ``verified``; empty where no level was finished."""
    seed: int
    """Of the plan; each level adds its number."""
    started_at: str
    """In ISO 8601."""
    version: str
    """Of Closeshave."""
    scale: str
    """At which size it was measured, in words."""
    ended_at: str | None = None
    """In ISO 8601."""
    quota_cores: float | None = None
    """Cores that each region may use; ``null`` where regions share the machine."""


@dataclass(frozen=True, slots=True)
class CapacityResult:
    """The whole answer."""

    about: CapacityAbout
    """What was searched."""
    objectives: tuple[CapacityObjective, ...]
    """What holds at the capacity."""
    availability: float
    """The share of requests that must be answered well at the capacity."""
    states: tuple[StateCapacity, ...]
    """Calm first."""
    headroom: tuple[Headroom, ...]
    """One for each state whose capacity, and that of calm, is found."""
    claims: tuple[ClaimAnswer, ...]
    """One for each promised rate of the target."""
    interrupted: str
    """Why the search ended early; empty if it did not."""
    exit_code: int
    """0 found and every promised rate met, 1 a promised rate refuted, 3 unknown or not supported, 130 interrupted."""
    sentence: str
    """All of it for a person."""
    schema: Literal["closeshave.capacity/1"] = SCHEMA
    """Which format this is."""


_CODEC = TypeAdapter(CapacityResult)


def told(found: CapacityResult) -> dict[str, Any]:
    """Plain values, for ``capacity.json``."""
    plain: dict[str, Any] = _CODEC.dump_python(found, mode="json")
    return {"schema": plain.pop("schema"), **plain}


def parsed(content: Any) -> CapacityResult:
    """The result in plain values. Raises :class:`pydantic.ValidationError`."""
    return _CODEC.validate_python(content)


def of_state(state: str, rules: SearchRules, levels: Sequence[LevelResult], quota_cores: float | None = None) -> StateCapacity:
    """What the levels of one state say."""
    found = settled(rules, levels)
    rate = found.rate if found.end in STATED else None
    proven = [one.ask.rate for one in levels if one.status is LevelStatus.BROKEN and one.ask.purpose is not LevelPurpose.OVERLOAD]
    too_high = min((one for one in proven if rate is None or one > rate), default=None)
    knee = found.too_high if found.too_high is not None else rate
    return StateCapacity(
        state=state,
        found=found,
        requests_per_s=offered_at(levels, rate),
        too_high_requests_per_s=offered_at(levels, too_high),
        limiting=limiting(levels, knee, quota_cores) if found.end in {SearchEnd.FOUND, SearchEnd.NARROWED, SearchEnd.BELOW} else None,
        overload=overload(levels, rate),
        drifts=drifts(levels),
        levels=tuple(levels),
        rules=rules,
    )


def not_searched(state: str, why: str) -> StateCapacity:
    """A state whose capacity is unknown without a level."""
    nothing = CapacityFound(SearchEnd.NOTHING, None, None, None, why)
    return StateCapacity(state, nothing, None, None, None, None, (), (), unknown=why)


def offered_at(levels: Sequence[LevelResult], rate: float | None) -> float | None:
    """Requests per second at this rate, by its longest level."""
    here = [one for one in levels if rate is not None and one.figures is not None and abs(one.ask.rate - rate) <= 1e-9 * rate]
    best = max(here, key=lambda one: one.ask.length_s, default=None)
    return best.figures.offered_per_s if best is not None and best.figures is not None else None


def concluded(
    about: CapacityAbout,
    objectives: tuple[CapacityObjective, ...],
    availability: float,
    states: Sequence[StateCapacity],
    promised: Sequence[ClaimedRate],
    interrupted: str = "",
) -> CapacityResult:
    """The answer over all states. Promised rates are those of calm."""
    calm = states[0] if states else not_searched("calm", "no level was finished")
    claims = tuple(answered(one, calm.found, calm.requests_per_s, calm.too_high_requests_per_s, about.grade) for one in promised)
    headroom = tuple(_headroom(calm, states[1:]))
    code = _code(states, claims, interrupted)
    said = " ".join(_sentences(about, states or [calm], headroom, claims, interrupted))
    return CapacityResult(about, objectives, availability, tuple(states), headroom, claims, interrupted, int(code), said)


def _code(states: Sequence[StateCapacity], claims: Sequence[ClaimAnswer], interrupted: str) -> Exit:
    if interrupted:
        return Exit.INTERRUPTED
    if any(one.support is ClaimSupport.REFUTED for one in claims):
        return Exit.FAIL
    settled_all = bool(states) and all(one.found.end is SearchEnd.FOUND for one in states)
    # Where the caps end the search, a promised rate may be met all the same.
    enough = bool(claims) and all(one.found.end in {SearchEnd.FOUND, SearchEnd.AT_LEAST} for one in states)
    met = all(one.support is ClaimSupport.MET for one in claims)
    return Exit.PASS if met and (settled_all or enough) else Exit.INCONCLUSIVE


def _headroom(calm: StateCapacity, others: Sequence[StateCapacity]) -> Iterator[Headroom]:
    if calm.requests_per_s is None or calm.found.end is not SearchEnd.FOUND:
        return
    for one in others:
        if one.requests_per_s is None or one.found.end is not SearchEnd.FOUND:
            continue
        keep = min(one.requests_per_s, calm.requests_per_s)
        share = 1 - keep / calm.requests_per_s
        yield Headroom(
            one.state,
            share,
            keep,
            f"to survive {one.state}, keep {share:.0%} of the calm capacity free: at most {keep:,.0f} of {calm.requests_per_s:,.0f} requests/s",
        )


def _sentences(
    about: CapacityAbout, states: Sequence[StateCapacity], headroom: Sequence[Headroom], claims: Sequence[ClaimAnswer], interrupted: str
) -> Iterator[str]:
    if interrupted:
        yield f"{interrupted[:1].upper()}{interrupted[1:]}. What was found until then supports the following."
    for one in states:
        yield f"{one.state.capitalize() if one.state == 'calm' else one.state}: {stated(one)}."
    for room in headroom:
        yield f"{room.sentence.capitalize()}."
    for claim in claims:
        yield f"{claim.sentence}."
    if about.grade == EvidenceGrade.REHEARSED:
        yield "Rehearsed on a stand-in: this shows how the search works, and nothing about the platform."


def stated(one: StateCapacity) -> str:
    """The capacity of a state, or why none is stated, in words."""
    found = one.found
    if one.unknown:
        return f"unknown: {one.unknown}"
    if one.requests_per_s is None:
        return f"unknown: {found.why}"
    figure = f"{one.requests_per_s:,.0f} requests/s ({found.rate:.4g} arrivals/s)"
    limit = f"; the limit is {one.limiting.sentence}" if one.limiting is not None and one.limiting.resource else ""
    match found.end:
        case SearchEnd.FOUND:
            return f"{figure}{limit}"
        case SearchEnd.AT_LEAST:
            return f"at least {figure}: no higher rate may be sent"
        case _:
            return f"at least {figure}: {found.why}{limit}"
