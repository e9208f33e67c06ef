"""Accounts: each is stored in the shard of its home region, and can be found from every region by its address."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from closeshave.standin.database import Row
from closeshave.standin.errors import DependencyUnavailable, Refused
from closeshave.standin.shards import Shards

_BY_EMAIL = "SELECT id, email, password_hash, first_name, last_name, phone, role, region, created_at FROM users WHERE email = $1"
_BY_ID = "SELECT id, email, first_name, last_name, phone, role, region, created_at FROM users WHERE id = $1"
_INSERT = """
INSERT INTO users (email, password_hash, first_name, last_name, phone) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING id, email, first_name, last_name, phone, role, region, created_at
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A user who registers."""

    email: str
    password_hash: str
    first_name: str
    last_name: str
    phone: str | None


class AccountStore:
    """The accounts of all regions."""

    __slots__ = ("_shards",)

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def by_email(self, email: str, likely_region: str) -> Row | None:
        """The account of an address, searched in ``likely_region`` first, then in all shards.

        Raises :class:`DependencyUnavailable` when it was not found but a shard that may hold it cannot answer.
        """
        likely = self._shards.of_accounts(likely_region)
        homes = [home for home in map(self._shards.of_accounts, self._shards.topology.regions) if home and home != likely]
        unreachable: DependencyUnavailable | None = None
        if likely:
            try:
                if rows := await self._shards.read_latest(likely, _BY_EMAIL, email.lower()):
                    return rows[0]
            except DependencyUnavailable as error:
                unreachable = error
        answers = await asyncio.gather(
            *(self._shards.read_latest(home, _BY_EMAIL, email.lower()) for home in homes), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, DependencyUnavailable):
                unreachable = answer
            elif isinstance(answer, BaseException):
                raise answer
            elif answer:
                return answer[0]
        if unreachable:
            raise unreachable
        return None

    async def by_id(self, id: int) -> Row:
        """The account of an ID. Raises :class:`Refused` (404) and :class:`DependencyUnavailable`."""
        rows = await self._shards.read(self._shards.of_id(id), _BY_ID, id)
        if not rows:
            raise Refused(404, "User not found")
        return rows[0]

    async def add(self, person: Person, region: str) -> Row:
        """Create an account with the home region ``region``. Raises :class:`Refused` when the address already has an account in any region."""
        home = self._shards.of_accounts(region) or self._shards.topology.shards[0]
        if await self.by_email(person.email, region):
            raise Refused(400, "Email already registered")
        values = (person.email.lower(), person.password_hash, person.first_name, person.last_name, person.phone)
        rows = await self._shards.write(home, _INSERT, *values)
        if not rows:
            raise Refused(400, "Email already registered")
        return rows[0]
