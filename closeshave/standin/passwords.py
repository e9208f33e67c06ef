"""Password hashes: Argon2id, about 20 ms of processor time each, never on the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""The minimum that OWASP's Password Storage Cheat Sheet recommends for Argon2id."""

_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="argon2")
"""One hash at a time in a process, so that many log-ins do not take processor time from bookings."""


def hash_password(password: str) -> str:
    """The password's hash with its salt and parameters, as one string."""
    return _HASHER.hash(password)


def matches(stored: str, password: str) -> bool:
    """Whether ``password`` is the one that ``stored`` is the hash of."""
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def hash_aside(password: str) -> str:
    """:func:`hash_password` in the hashing thread."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, hash_password, password)


async def matches_aside(stored: str, password: str) -> bool:
    """:func:`matches` in the hashing thread."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, matches, stored, password)
