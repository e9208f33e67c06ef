"""RS256 bearer tokens: access for 15 minutes, refresh for 7 days. All regions have the same key, so a token is valid in all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ACCESS_S = 15 * 60
REFRESH_S = 7 * 24 * 3600

_REMEMBERED = 10_000
"""How many checked tokens are cached; a check costs more than parsing the rest of a request."""


class InvalidToken(Exception):
    """Not a token of this platform, of the wrong kind, or expired."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The contents of a token."""

    user: int
    email: str
    role: str
    region: str
    """The account's home region, which keeps its sessions."""
    session: str


class TokenIssuer:
    """Issues and checks tokens. Times are seconds since the epoch."""

    __slots__ = ("_known", "_private", "_public")

    def __init__(self, pem: bytes) -> None:
        private = load_pem_private_key(pem, password=None)
        if not isinstance(private, RSAPrivateKey):
            raise TypeError("the signing key is not an RSA key")
        self._private = private
        self._public = private.public_key()
        self._known: dict[str, tuple[str, float, Claims]] = {}

    def access(self, claims: Claims, now_s: float) -> str:
        """A token for requests."""
        return self._issue("access", claims, now_s, ACCESS_S)

    def refresh(self, claims: Claims, now_s: float) -> str:
        """A token for new access tokens."""
        return self._issue("refresh", claims, now_s, REFRESH_S)

    def check(self, token: str, kind: str, now_s: float) -> Claims:
        """The claims of a token of ``kind`` (``access`` or ``refresh``). Raises :class:`InvalidToken`."""
        known = self._known.get(token) or self._read(token)
        found, expires_s, claims = known
        if found != kind or now_s >= expires_s:
            raise InvalidToken
        return claims

    def _issue(self, kind: str, claims: Claims, now_s: float, life_s: int) -> str:
        body: dict[str, Any] = {**asdict(claims), "sub": str(claims.user), "type": kind, "iat": int(now_s), "exp": int(now_s) + life_s}
        return jwt.encode(body, self._private, algorithm="RS256")

    def _read(self, token: str) -> tuple[str, float, Claims]:
        try:
            # Time is checked by the caller, at every use.
            body = jwt.decode(token, self._public, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
            claims = Claims(body["user"], body["email"], body["role"], body["region"], body["session"])
            known = (str(body["type"]), float(body["exp"]), claims)
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise InvalidToken from error
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[token] = known
        return known
