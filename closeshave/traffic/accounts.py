"""The customers' accounts once they are logged in: a file that the log-in writes before the window and the generators read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from closeshave.files import write_atomically


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An account and what the platform gave it at log-in."""

    email: str
    password: str
    region: str
    token: str
    refresh_token: str
    csrf: str
    client: str | None
    """The platform's ID of the customer, as bookings name it."""


_CODEC: TypeAdapter[tuple[LoggedIn, ...]] = TypeAdapter(tuple[LoggedIn, ...])


def save(path: Path, accounts: Sequence[LoggedIn]) -> None:
    """Write the file whole or not at all."""
    write_atomically(path, _CODEC.dump_json(tuple(accounts)))


def load(path: Path) -> tuple[LoggedIn, ...]:
    """Read the file. Raises :class:`FileNotFoundError` or :class:`ValueError`."""
    return _CODEC.validate_json(path.read_bytes())
