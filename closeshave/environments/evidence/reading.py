"""Reads a final state from one database member: directly, with limited waits, and with a reason when it cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from closeshave.clients import postgres
from closeshave.deployment import Deployment, Member

READ_TIMEOUT_S = 120


class FinalStateUnreadable(OSError):
    """The final state cannot be read; the message says why and names the shard, cache or line of the ledger. No partial file is written."""


@contextmanager
def session(deployment: Deployment, member: Member) -> Iterator[postgres.Connection]:
    """A connection to the member itself. Raises :class:`FinalStateUnreadable` for every failure."""
    try:
        with postgres.connect(
            member.port, deployment.database, deployment.user, statement_timeout_s=READ_TIMEOUT_S, autocommit=False
        ) as connection:
            yield connection
    except postgres.Unavailable as error:
        raise FinalStateUnreadable(f"shard {member.shard}: {member.name} cannot be read: {error}") from error
