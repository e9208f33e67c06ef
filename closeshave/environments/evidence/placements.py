"""Where the rows are that must not leave their region: each database member is counted, primary or standby, in whatever region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from closeshave.deployment import Deployment, Member
from closeshave.environments.evidence.reading import session
from closeshave.history import PLACEMENTS
from closeshave.topology import Shard


def read(deployment: Deployment, query: str) -> pa.Table:
    """One row for each member of each shard whose franchises are bound to their region; ``query`` counts the rows from one franchise to another.

    Raises :class:`FinalStateUnreadable`.
    """
    bound = [shard for shard in deployment.topology.shards if shard.home in deployment.topology.resident]
    rows = [row for member in deployment.members for row in _held(deployment, member, bound, query)] if bound else []
    return pa.Table.from_pylist(rows, schema=PLACEMENTS)


def _held(deployment: Deployment, member: Member, bound: list[Shard], query: str) -> Iterator[dict[str, Any]]:
    with session(deployment, member) as connection:
        for shard in bound:
            found = connection.execute(query.encode(), (shard.first, shard.last)).fetchone()
            assert found is not None  # a count has one row
            yield {
                "member": member.name,
                "shard": member.shard,
                "region": member.region,
                "resident": shard.home,
                "franchises": found[0],
            }
