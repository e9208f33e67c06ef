"""Accounts, passwords and tokens. Tokens are signed, so every instance knows a customer whom another one has logged in."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

import jwt

from .database import Database, Taken
from .refusal import Refusal

ACCESS_S, REFRESH_S = 15 * 60, 7 * 24 * 3600


@dataclass(frozen=True)
class Person:
    """Who a token belongs to."""

    id: int
    role: str

    @property
    def is_admin(self) -> bool:
        """Whether they may see everybody's bookings."""
        return self.role == "admin"


def hashed(password: str, salt: str | None = None) -> str:
    """A password as it is stored: its salt and its hash. Takes some 20 ms, on purpose."""
    salt = salt or secrets.token_hex(8)
    return f"{salt}${hashlib.scrypt(password.encode(), salt=salt.encode(), n=1 << 13, r=8, p=1).hex()}"


class People:
    """The accounts of the shop."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._key = hashlib.sha256(secret.encode()).digest()

    async def register(self, email: str, password: str) -> Person:
        """A new customer. Raises :class:`Refusal`, and what the database raises."""
        stored = await asyncio.to_thread(hashed, password)
        try:
            [row] = await self._database.rows(
                "INSERT INTO people (email, password) VALUES ($1, $2) RETURNING id, role", email.lower(), stored
            )
        except Taken:
            raise Refusal(400, "Email already registered") from None
        return Person(row["id"], row["role"])

    async def log_in(self, email: str, password: str) -> Person:
        """The person with this password. Raises :class:`Refusal`."""
        rows = await self._database.latest("SELECT id, role, password FROM people WHERE email = $1", email.lower())
        stored = rows[0]["password"] if rows else hashed("", "nobody")
        tried = await asyncio.to_thread(hashed, password, stored.partition("$")[0])
        if not rows or not hmac.compare_digest(tried, stored):
            raise Refusal(401, "Incorrect email or password")
        return Person(rows[0]["id"], rows[0]["role"])

    async def email(self, person: Person) -> str:
        """Their address. Raises :class:`Refusal` if the account is gone."""
        rows = await self._database.recent("SELECT email FROM people WHERE id = $1", person.id)
        if not rows:
            raise Refusal(401, "Could not validate credentials")
        found: str = rows[0]["email"]
        return found

    def tokens(self, person: Person) -> dict[str, str]:
        """A new pair of tokens."""
        access, refresh = (self._token(person, use, lasts_s) for use, lasts_s in (("access", ACCESS_S), ("refresh", REFRESH_S)))
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}

    def known(self, token: str, use: str = "access") -> Person:
        """The person of a token. Raises :class:`Refusal`."""
        try:
            told = jwt.decode(token, self._key, algorithms=["HS256"], options={"require": ["exp", "sub"]})
            if told["use"] == use:
                return Person(int(told["sub"]), told["role"])
        except (jwt.InvalidTokenError, KeyError, ValueError):
            pass
        raise Refusal(401, "Could not validate credentials")

    def _token(self, person: Person, use: str, lasts_s: float) -> str:
        told = {"sub": str(person.id), "role": person.role, "use": use, "exp": int(time.time() + lasts_s), "jti": secrets.token_hex(6)}
        return jwt.encode(told, self._key, algorithm="HS256")
