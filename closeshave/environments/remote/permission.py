"""Permission to load production: a token that expires, is valid for one platform, and is created and checked on this machine.

It is a seal, not a shared secret: every user who can run the harness here can create one. It prevents accidents: a nightly job or a
shell's history cannot load production tomorrow because it was allowed today.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

import jwt

from closeshave.environments.remote.definition import Remote
from closeshave.plurals import counted
from closeshave.vocabulary import TOKEN_VARIABLE

VARIABLE = TOKEN_VARIABLE
"""Tokens are given in an environment variable, never as an argument, which every user of the machine could read."""
HOURS_MAX = 24.0
ALGORITHM = "HS256"
"""HMAC with SHA-256: the key never leaves this user's directory, so nobody else has to check a token."""


class TokenRefused(ValueError):
    """The token does not permit the run; the message says why."""


def grant(definition: Remote, key: bytes, expires_s: int) -> str:
    """A token (JSON Web Token, RFC 7519) for this platform until ``expires_s`` (seconds since the epoch). Pure."""
    return jwt.encode({"aud": _audience(definition), "exp": expires_s}, key, algorithm=ALGORITHM)


def check(token: str, definition: Remote, key: bytes, now_s: float) -> None:
    """Raise :class:`TokenRefused` unless the token is for this platform and has not expired. Pure."""
    try:
        # The expiry is compared below: with the time that was given, and so that the message can say since when.
        told = jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=_audience(definition), options={"require": ["aud", "exp"], "verify_exp": False}
        )
        expires_s = int(told["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise TokenRefused(
            f"the token in {VARIABLE} is not for {definition.name} as described in its file now; create one: closeshave allow {definition.name}"
        ) from None
    if now_s >= expires_s:
        raise TokenRefused(
            f"the token in {VARIABLE} expired {counted(round((now_s - expires_s) / 60), 'minute')} ago; create one: closeshave allow {definition.name}"
        )


def own_key() -> bytes:
    """This user's key, made at first use, readable only by this user. Raises :class:`OSError`."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "closeshave"
    path = base / "permission.key"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def _audience(definition: Remote) -> str:
    """Everything that identifies the platform, as a digest: another address or fingerprint needs another token."""
    told = repr(
        (
            definition.name,
            sorted(definition.regions.items()),
            definition.fingerprint.path,
            sorted(definition.fingerprint.expect.items()),
            *definition.identity,
        )
    )
    return hashlib.sha256(told.encode()).hexdigest()
