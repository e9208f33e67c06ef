"""What the application is told by its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Planted(StrEnum):
    """A defect that tests switch on, to see whether it is found. Never set in earnest."""

    NONE = ""
    DOUBLE_BOOKING = "double-booking"
    """A taken time is booked again: ``prepare`` leaves the constraint of the database out, and nothing else checks."""
    LOST_BOOKING = "lost-booking"
    """Every fifth booking is acknowledged and then rolled back."""


class WrongSettings(Exception):
    """A variable is missing or has a value that cannot be used; says which, and what would be right."""


@dataclass(frozen=True)
class Settings:
    """Of one process."""

    database_url: str
    """Of the primary: ``postgresql://user:password@host:5432/barbers``."""
    replica_url: str | None
    """Of a replica, for reads that may be slightly old; without it, the primary answers them."""
    cache_url: str | None
    """Of Valkey or Redis: ``redis://host:6379/0``; without it, every list is read from the database."""
    payments_url: str | None
    """Of the payment provider; without it, payments are refused."""
    host: str
    port: int
    instance: str
    secret: str
    """Tokens are signed with it: the same for all instances."""
    version: str
    stage: str
    zone: str
    """The IANA name of the shop's time zone."""
    delay_s: float
    """So long every answer is delayed. Set for a release that is too slow, to see whether that is found."""
    planted: Planted


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of a process with these variables. Raises :class:`WrongSettings`."""
    if not environ.get("DATABASE_URL"):
        raise WrongSettings("DATABASE_URL is not set; it looks like postgresql://user:password@host:5432/barbers")
    try:
        planted = Planted(environ.get("PLANTED", ""))
    except ValueError:
        raise WrongSettings(f"PLANTED must be one of {', '.join(filter(None, Planted))}") from None
    return Settings(
        database_url=environ["DATABASE_URL"],
        replica_url=environ.get("REPLICA_URL") or None,
        cache_url=environ.get("CACHE_URL") or None,
        payments_url=environ.get("PAYMENTS_URL") or None,
        host=environ.get("HOST", "127.0.0.1"),
        port=int(_number(environ, "PORT", "8000")),
        instance=environ.get("INSTANCE", "barbers-0"),
        secret=environ.get("SECRET", "only for a developer's machine"),
        version=environ.get("APP_VERSION", "1.0.0"),
        stage=environ.get("STAGE", "development"),
        zone=environ.get("ZONE", "America/New_York"),
        delay_s=_number(environ, "DELAY_MS", "0") / 1e3,
        planted=planted,
    )


def _number(environ: Mapping[str, str], name: str, default: str) -> float:
    try:
        return float(environ.get(name) or default)
    except ValueError:
        raise WrongSettings(f"{name} must be a number, not {environ[name]!r}") from None
