"""Keeps as evidence how the data of the two sides of a partition differ, just before they are joined: then the old primary is rewound and its data is
lost.

Both are read by SQL at their own ports, which the harness reaches whatever is cut. A standby that only lags holds nothing that its leader does not
hold or held before; rows beyond that were written on another timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from closeshave.clients import patroni, postgres
from closeshave.clients.postgres import State
from closeshave.deployment import DIVERGED, Deployment, Member
from closeshave.files import append_line
from closeshave.history import Diverged
from closeshave.plurals import counted


def keep(deployment: Deployment, shards: Iterable[int]) -> tuple[str, ...]:
    """Store the rows that members of these shards hold and the newest primary does not; returns as text how many each member has."""
    return tuple(said for shard in shards for said in _keep(deployment, shard))


def _keep(deployment: Deployment, shard: int) -> Iterator[str]:
    members = patroni.members_of(deployment, shard)
    timelines: dict[Member, int] = {}
    for member in members:
        try:
            if timeline := postgres.leading_timeline(deployment, member):
                timelines[member] = timeline
        except postgres.Unavailable:
            continue
    if not timelines:
        yield f"shard {shard} has no leader, so there are no two sides to compare"
        return
    lead = max(timelines, key=lambda member: timelines[member])
    for member in (member for member in members if member != lead):
        try:
            rows = _alone(deployment, member, lead)
        except postgres.Unavailable as error:
            yield f"{member.process} and {lead.process} could not both be read: {type(error).__name__}"
            continue
        # Also where there is nothing to write: that both sides were read and are the same is evidence too.
        Path(deployment.root, DIVERGED).touch()
        for row in rows:
            append_line(Path(deployment.root, DIVERGED), asdict(row))
        held = counted(len(rows), "state of a booking", "states of bookings")
        yield f"{member.process} held {held} that {lead.process} on timeline {timelines[lead]} did not"


def _alone(deployment: Deployment, member: Member, lead: Member) -> list[Diverged]:
    found = beyond(postgres.recent_bookings(deployment, member), postgres.recent_bookings(deployment, lead))
    return [Diverged(member.process, member.shard, *state) for state in found]


def beyond(own: Iterable[State], theirs: Iterable[State]) -> list[State]:
    """The rows of ``own`` that neither are nor were in ``theirs``: missing bookings, and versions that were never reached there. Pure.

    A booking is identified by its key too, because the other side may have given the same ID to another booking.
    """
    reached = {state[:3]: (state[4], state[3]) for state in theirs}
    return [state for state in own if _is_beyond((state[4], state[3]), reached.get(state[:3]))]


def _is_beyond(own: tuple[int, str], theirs: tuple[int, str] | None) -> bool:
    return theirs is None or own[0] > theirs[0] or (own[0] == theirs[0] and own[1] != theirs[1])
