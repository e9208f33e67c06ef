"""One database member, asked for a final state: directly, with bounded waits, and with a reason when it cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from closeshave.deployment import Deployment, Member

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 120


class FinalStateUnreadable(OSError):
    """The final state cannot be read, and why: which shard, which cache, or which line of the ledger. No partial file is written."""


@contextmanager
def session(deployment: Deployment, member: Member) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection to the member itself. Raises :class:`FinalStateUnreadable`, whatever fails in it."""
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=member.port,
            dbname=deployment.database,
            user=deployment.user,
            connect_timeout=CONNECT_TIMEOUT_S,
            options=f"-c statement_timeout={READ_TIMEOUT_S}s",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise FinalStateUnreadable(f"shard {member.shard}: {member.name} cannot be read: {error}") from error
