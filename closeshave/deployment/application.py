"""The application of an environment: what its API can do, how an instance says that it is ready and which release it is, and its releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from closeshave.deployment.parts import Process
from closeshave.files.yamlfile import STRICT, Count, Flag, Lasting, WholeNumber, stated, whole


def barber_id(value: object) -> int | str:
    """The ID of a barber: a number from 1 on, or text that is none. Raises :class:`ValueError`."""
    if isinstance(value, str) and value and not value.isdecimal():
        return value
    number = whole(value)
    if number < 1:
        raise ValueError(f"{value!r} is too little: a barber's number is at least 1")
    return number


BarberId = Annotated[
    int | str, BeforeValidator(barber_id), WithJsonSchema({"type": ["string", "integer"], "minLength": 1, "minimum": 1, "maximum": 10**9})
]
"""The ID of a barber as the platform states it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform's API can do and allows; by default everything, as for the stand-in."""

    __pydantic_config__ = STRICT

    franchises: Flag = True
    """``X-Franchise-Id`` chooses the franchise, and answers state their region, shard, cache and times in headers."""
    keyed_bookings: Flag = True
    """``Idempotency-Key`` works for appointments."""
    forwarded_for: Flag = True
    """Each customer can have its own address in ``X-Forwarded-For``; otherwise all share the harness's address and its limits."""
    steps_off: tuple[str, ...] = ()
    """Operations that this platform does not support, such as ``pay_intent``; a journey leaves them out."""
    ready_by: Literal["code", "body"] = "code"
    """Whether ``/health/ready`` reports readiness by its status code, or only by ``status`` in its body."""
    limits: Mapping[str, Annotated[str, stated(pattern=r"^\d{1,9} per (\d+(ms|s|m|h|d))+$")]] = field(default_factory=dict)
    """Stated limits per client address where they differ from the API's: operation → ``30 per 1h``."""
    slots_by_barber: Flag = True
    """A list of one barber's free times can be requested; otherwise such lists are empty, and only the list merged over all barbers has free times."""
    zone: str | None = None
    """IANA name of the zone in which the business states dates and times, such as ``America/New_York``; ``None`` if unknown."""
    idle_barbers: tuple[BarberId, ...] = ()
    """Listed barbers who accept no bookings, such as an administrator; customers do not book with them."""
    slots_per_day: Count | None = None
    """How many times of one franchise can be booked on one day, those of all its barbers together. Stated, `closeshave validate` says whether there are
    enough for the canaries; otherwise a run finds out before its load."""

    def lacking(self, whose: str) -> dict[str, str]:
        """What cannot be done, by the name of the part or operation, and what follows from it. ``whose`` API it is: ``the platform``."""
        found = dict.fromkeys(self.steps_off, f"{whose} does not support this operation; customers leave it out")
        if not self.franchises:
            found["franchises"] = (
                "no franchise extension: answers do not tell shards, cache hits or database times, so promises about them cannot be tested"
            )
        if not self.forwarded_for:
            found["forwarded_for"] = "customers have no addresses of their own: all share this machine's address and its rate limits"
        if not self.keyed_bookings:
            found["keyed bookings"] = "a booking has no idempotency key: a retry after an unknown outcome may book again"
        return found


@dataclass(frozen=True, slots=True)
class Readiness:
    """How an instance of the application says that it can serve customers. Balancers ask it all the time, so it must be cheap."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")] = "/health/ready"
    """A GET without credentials."""
    status: Annotated[WholeNumber, stated(minimum=100, maximum=599)] = 200
    """The HTTP status of an instance that is ready. Any other means that it is not."""
    body: str = ""
    """A text that the answer of a ready instance contains, for an application that answers with the same status in any case."""
    within: Lasting = 60.0
    """How long an instance may take from its start until it is ready; after it the start of the environment fails."""

    def met(self, status: int, body: str) -> bool:
        """Whether an answer says that the instance is ready."""
        return status == self.status and self.body in body


@dataclass(frozen=True, slots=True)
class VersionAt:
    """Where a running instance says which release it is: in a header of an answer, or in a member of its JSON."""

    __pydantic_config__ = STRICT

    path: Annotated[str, stated(pattern="^/")] = "/health"
    """A GET without credentials."""
    header: str = ""
    """The header that holds the version. Either this or ``member``."""
    member: str = ""
    """The member of the JSON that holds the version, nested ones by dots: ``build.version``. Either this or ``header``."""


@dataclass(frozen=True, slots=True)
class LiveUpdates:
    """How customers follow their bookings by WebSocket."""

    path: str
    """Of the handshake, with the customer's bearer token. Each message is a JSON object; one with ``booking`` and ``version`` is an update."""
    within_s: float
    """How long an update may take after the change, or after the customer is connected again."""


@dataclass(frozen=True, slots=True)
class RunnableRelease:
    """A release of the application, ready to start."""

    version: str
    """What its instances say by :attr:`Application.version`; empty if the file does not state it, and nobody asked them yet."""
    processes: tuple[Process, ...]
    """Every instance, and every worker, as it runs in this release, under its usual name."""


@dataclass(frozen=True, slots=True)
class Application:
    """The application of an environment that the harness runs: how its instances are asked, and what can be done with them."""

    readiness: Readiness = Readiness()
    probe: str = "/api/v2/locations/"
    """A path that anybody may read and that needs the database, asked of single instances to see whether they serve."""
    version: VersionAt | None = None
    declared: str = ""
    """The name of the release that the section of the environment file describes; empty in a deployment of an older version."""
    release: str = ""
    """The name of the release whose processes the deployment has now: the declared one, until another is rolled out."""
    releases: Mapping[str, RunnableRelease] = field(default_factory=dict)
    """By name, the declared one too."""
    preload: tuple[str, ...] = ()
    """What one interpreter imports before it forks all instances of a rollout; empty where a release needs a program of its own for each."""
    live: LiveUpdates | None = None
    """How customers follow their bookings; ``None`` if they cannot."""
    instructions: Mapping[str, str] = field(default_factory=dict)
    """Process → the file in which it looks for an operator's instructions while it runs. Empty if the application takes none."""
    routing: str = ""
    """The file in which every instance looks for the ranges of franchises that were moved to another shard. Empty if the application reads none."""
