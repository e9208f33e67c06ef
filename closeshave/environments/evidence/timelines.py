"""Patroni's history of timelines: each promotion of a shard, as Patroni stores it in etcd, independent of the logs of its members.

It is a second source for when a shard got another primary, and the only one if a member's log is lost or has an unknown format.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from closeshave.clients import patroni
from closeshave.clients.patroni import HISTORY
from closeshave.clock import Anchor
from closeshave.deployment import Deployment
from closeshave.history import Signal
from closeshave.vocabulary import SignalKind


def read(deployment: Deployment, anchor: Anchor, since_ns: int, until_ns: int) -> list[Signal]:
    """The promotions of every shard between two instants of the monotonic clock (ns), by the first member of each that answers."""
    shards = {member.shard: None for member in deployment.members}
    found = [signal for shard in shards for signal in parse(_ask(deployment, shard), shard, anchor)]
    return [signal for signal in found if since_ns <= signal.at_ns <= until_ns]


def parse(lines: list[object], shard: int, anchor: Anchor) -> Iterator[Signal]:
    """The promotions in Patroni's lines: ended timeline, position, reason, instant and new leader; Patroni sometimes lacks the last two. Pure."""
    for line in lines:
        match line:
            case [int(timeline), int(position), str(reason), str(at), *leader]:
                ended = f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
                detail = (
                    f"timeline {timeline} ended at {ended} ({reason}); {''.join(map(str, leader)) or 'an unknown member'} leads the next"
                )
                yield Signal(
                    anchor.to_monotonic_ns(datetime.fromisoformat(at)), SignalKind.PROMOTED, f"shard:{shard}", f"patroni {HISTORY}", detail
                )


def _ask(deployment: Deployment, shard: int) -> list[object]:
    answers = (patroni.history(member) for member in deployment.members if member.shard == shard)
    return next((answer for answer in answers if answer is not None), [])
