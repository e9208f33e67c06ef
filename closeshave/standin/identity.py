"""The identity of the current request: its bearer token, and whether the session is still valid."""

from __future__ import annotations

import time

from closeshave.standin.errors import Refused
from closeshave.standin.serving import here
from closeshave.standin.tokens import Claims, InvalidToken


async def bearer() -> Claims:
    """The claims of the current request's token. Raises :class:`Refused` (401)."""
    visit = here()
    scheme, _, token = visit.authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("Not authenticated")
    now_s = time.time()
    try:
        claims = visit.platform.tokens.check(token, "access", now_s)
    except InvalidToken:
        raise _unauthenticated("Could not validate credentials") from None
    if not await visit.platform.sessions.alive(claims.region, claims.session, now_s):
        raise _unauthenticated("Session has ended")
    return claims


async def administrator() -> Claims:
    """Like :func:`bearer`, for an administrator only. Raises :class:`Refused` (401 or 403)."""
    claims = await bearer()
    if claims.role != "admin":
        raise Refused(403, "Not enough permissions")
    return claims


def _unauthenticated(message: str) -> Refused:
    return Refused(401, message, {"WWW-Authenticate": "Bearer"})
