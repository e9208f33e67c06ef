"""What the two sides of a partition hold differently, kept as evidence just before they are joined: then the old primary is rewound, and it is gone.

Both are read by SQL at their own ports, which stay open to the harness whatever is cut. A standby that only lags holds nothing that its leader
does not; whatever a member holds alone was written on a timeline of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from closeshave.deployment import DIVERGED, Deployment, Member
from closeshave.faults.parts import patroni, postgres
from closeshave.files import append_line
from closeshave.history import Diverged


def keep(deployment: Deployment, shards: Iterable[int]) -> tuple[str, ...]:
    """Write down what members of these shards hold that the newest primary does not; returns in words how much it was, of whom."""
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
        yield f"nobody leads shard {shard}, so there are no two sides to compare"
        return
    lead = max(timelines, key=lambda member: timelines[member])
    for member in (member for member in members if member != lead):
        try:
            rows = _alone(deployment, member, lead)
        except postgres.Unavailable as error:
            yield f"{member.process} and {lead.process} could not both be read: {type(error).__name__}"
            continue
        for row in rows:
            append_line(Path(deployment.root, DIVERGED), asdict(row))
        yield f"{member.process} held {len(rows)} states of bookings that {lead.process} on timeline {timelines[lead]} did not"


def _alone(deployment: Deployment, member: Member, lead: Member) -> list[Diverged]:
    """Compared by all that tells one state of a booking from another: an ID may have been given again on the other side."""
    alone = set(postgres.recent_bookings(deployment, member)) - set(postgres.recent_bookings(deployment, lead))
    return [Diverged(member.process, member.shard, *row) for row in sorted(alone, key=lambda row: (row[-1], row[1]))]
