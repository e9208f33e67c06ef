"""The roles' tokens: each role's link has its own. They lie with the run's other secrets, never in the run directory."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from closeshave import private
from closeshave.files import record_of, write_atomically
from closeshave.vocabulary import PersonRole

FILE = "gameday-tokens.json"
TOKEN_BYTES = 24


def issue(run: Path) -> Mapping[PersonRole, str]:
    """Make a token for each role, or return those that there are. Raises :class:`OSError`."""
    if found := of(run):
        return found
    tokens = {role: secrets.token_urlsafe(TOKEN_BYTES) for role in PersonRole}
    write_atomically(private.make(run) / FILE, json.dumps(tokens), 0o600)
    return tokens


def of(run: Path) -> Mapping[PersonRole, str]:
    """The tokens of a run; empty if it has none, or none any more."""
    try:
        told = record_of((private.place(run) / FILE).read_bytes())
        return {role: str(told[role]) for role in PersonRole}
    except (OSError, ValueError, KeyError):
        return {}


def role_of(run: Path, token: str) -> PersonRole | None:
    """Whose token this is; ``None`` for any other text. It takes the same time whichever character differs."""
    given = token.encode("utf-8", "replace")
    found = [role for role, kept in of(run).items() if hmac.compare_digest(kept.encode(), given)]
    return found[0] if found else None
