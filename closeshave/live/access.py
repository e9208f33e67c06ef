"""Who may see the page: a token for each role, at least 128 random bits each. They are in the run's private directory, never in that of the run.

A token stands in the fragment of a link, which no browser sends: it is in no log, in no ``Referer``, and in no history of a proxy.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from closeshave import private
from closeshave.files import jsonfile, write_atomically
from closeshave.files.jsonfile import Damaged

FILE = "live.json"
TOKEN_BYTES = 24
WATCHER = "observer"
"""The role of whoever looks at a trial that is no game day."""


@dataclass(frozen=True, slots=True)
class Access:
    """The port of a run's page, and role → token."""

    port: int
    tokens: Mapping[str, str] = field(repr=False)

    def role_of(self, given: str) -> str | None:
        """Whose token this is, in a time that does not tell how much of it is right; ``None``: nobody's."""
        found = None
        for role, token in self.tokens.items():
            if hmac.compare_digest(token.encode(), given.encode("utf-8", "replace")):
                found = role
        return found


_CODEC = TypeAdapter(Access)


def tokens(roles: Iterable[str] = (WATCHER,)) -> dict[str, str]:
    """A new token for each role."""
    return {role: secrets.token_urlsafe(TOKEN_BYTES) for role in roles}


def keep(run: Path, access: Access) -> None:
    """Keep it in the private directory of the run, which must exist. Raises :class:`OSError`."""
    write_atomically(private.place(run) / FILE, _CODEC.dump_json(access), 0o600)


def kept(run: Path) -> Access | None:
    """What was kept for a run; ``None`` where nothing was, or where it has been removed. Raises :class:`OSError`."""
    try:
        return jsonfile.read(private.place(run) / FILE, _CODEC)
    except (FileNotFoundError, Damaged):
        return None
