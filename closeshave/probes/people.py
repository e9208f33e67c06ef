"""Customers of a round: they log in, look for a free time, book, and tidy up."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from closeshave.api import answers
from closeshave.deployment import Account
from closeshave.environments.remote.accounts import new_account
from closeshave.probes.scene import CannotAsk, ProbeAnswer, ProbeCustomer, ProbeScene
from closeshave.topology import Shard
from closeshave.vocabulary import PROBE_KEY

DAYS_AHEAD = (2, 3, 4, 5, 6, 7, 8, 9)
"""Days that are looked at for free times: today's may be over."""
CANCELLED = frozenset({"cancelled", "canceled"})
_STEP = 7_919
"""A prime: the franchises of a round are spread over the range."""


@dataclass(frozen=True, slots=True)
class FreeTime:
    """A time that the platform offers."""

    franchise: int
    day: date
    time: str
    zone: str


def customer(scene: ProbeScene, region: str = "", number: int = 0) -> ProbeCustomer:
    """An existing account, logged in: the ``number``-th of a region, or of all. Raises :class:`CannotAsk`."""
    there = [account for account in scene.deployment.accounts if region in {"", account.region}]
    if number >= len(there):
        raise CannotAsk(f"{number + 1} accounts{f' of {region}' if region else ''} are needed, and the environment has {len(there)}")
    return log_in(scene, there[number])


def account_of(scene: ProbeScene) -> Account:
    """An existing account. Raises :class:`CannotAsk`."""
    if not scene.deployment.accounts:
        raise CannotAsk("the environment has no account")
    return scene.deployment.accounts[0]


def administrator(scene: ProbeScene) -> ProbeCustomer:
    """Somebody who may change shops. Raises :class:`CannotAsk`."""
    if scene.administrator is None:
        raise CannotAsk("no administrator is known, who could change a shop (read_back.admin of the environment file)")
    return log_in(scene, scene.administrator)


def log_in(scene: ProbeScene, account: Account) -> ProbeCustomer:
    """The account with its token, asked for once in a round. Raises :class:`CannotAsk`."""
    if (known := scene.logged_in.get(account.email)) is not None:
        return known
    nobody = scene.nobody(account.region if account.region in scene.regions else scene.regions[0])
    answer = scene.call("login", nobody, email=account.email, password=account.password)
    told = scene.api.told("login", answer.json) if answer.good else None
    token = told.get("access_token") if isinstance(told, dict) else None
    if not isinstance(token, str):
        raise CannotAsk(f"an account of {account.region} cannot log in: {answer.trouble or f'status {answer.status}'}")
    assert isinstance(told, dict)
    client = told.get("client_id")
    admitted = ProbeCustomer(nobody.region, nobody.address, token, None if client is None else str(client), account.email)
    if client is None and "profile" in scene.api.offers:
        body = scene.api.told("profile", scene.call("profile", admitted).json)
        found = body.get("client_id") if isinstance(body, dict) else None
        admitted = ProbeCustomer(nobody.region, nobody.address, token, None if found is None else str(found), account.email)
    scene.logged_in[account.email] = admitted
    return admitted


def registered(scene: ProbeScene, region: str) -> Account:
    """A new account. Raises :class:`CannotAsk`."""
    account = new_account(region)
    answer = scene.call("register", scene.nobody(region), email=account.email, password=account.password)
    if not answer.good:
        raise CannotAsk(f"no account can be registered: {answer.trouble or f'status {answer.status}'}")
    return account


def franchise(shard: Shard, number: int) -> int:
    """A franchise of a shard, another one for each number: not at the ends of the range, which other probes ask about."""
    size = shard.last - shard.first + 1
    return shard.first + (size // 2 + number * _STEP) % size


def free_times(scene: ProbeScene, where: int, region: str) -> Iterator[FreeTime]:
    """Times that the platform offers at a franchise, the nearest day first."""
    return free_times_as(scene, scene.nobody(region), where)


def free_times_as(scene: ProbeScene, asked_as: ProbeCustomer, where: int) -> Iterator[FreeTime]:
    """The same, asked by somebody."""
    for ahead in DAYS_AHEAD:
        zone = scene.basis.capabilities.zone or scene.api.profile.zone or "UTC"
        day = (datetime.now(UTC).astimezone(ZoneInfo(zone)) + timedelta(days=ahead)).date()
        told = scene.call("slots", asked_as, where, day=day, barber=None, zone=zone, service=scene.api.usual)
        body = scene.api.told("slots", told.json) if told.good else None
        if body is None or not answers.is_slot_list(body):
            continue
        zone = body.get("timezone") or zone
        yield from (FreeTime(where, day, at, zone) for day, at in answers.offered(body, day, zone))


def free_time(scene: ProbeScene, where: int, region: str) -> FreeTime:
    """The first of them. Raises :class:`CannotAsk`."""
    found = next(free_times(scene, where, region), None)
    if found is None:
        raise CannotAsk(f"franchise {where} offers no free time within {DAYS_AHEAD[-1]} days")
    return found


def book(
    scene: ProbeScene, who: ProbeCustomer, at: FreeTime, notes: str, key: str = "", region: str = "", barber: Any = None
) -> tuple[ProbeAnswer, dict[str, Any]]:
    """Book; returns the answer, and the booking if there is one. It is cancelled by :func:`tidy` at the latest."""
    # From an address of its own, so that no limit on bookings is reached.
    wanted = {"day": at.day, "time": at.time, "zone": at.zone, "service": scene.api.usual, "barber": barber}
    asked_as = replace(who, address=scene.new_address())
    answer = scene.call("book", asked_as, at.franchise, region, tag=notes, key=key or new_key(), **wanted)
    told = scene.api.told("book", answer.json) if answer.good else None
    booking = told if isinstance(told, dict) and scene.api.is_id(told.get("id")) else {}
    if booking:
        scene.made(booking["id"], who, region or who.region, at.franchise)
    elif answer.good or (answer.trouble and not answer.trouble.startswith("ConnectError")):
        said = "names no booking" if answer.good else f"is lost ({answer.trouble})"
        scene.leave(f"perhaps a booking at franchise {at.franchise}, {at.day} {at.time}: the answer to its request {said}")
    return answer, booking


def new_key() -> str:
    """An idempotency key by which a trial knows that a booking is a probe's."""
    return f"{PROBE_KEY}{uuid.uuid4()}"


def booked(scene: ProbeScene, who: ProbeCustomer, at: FreeTime, notes: str = "closeshave probe") -> dict[str, Any]:
    """A booking that stands. Raises :class:`CannotAsk`."""
    answer, booking = book(scene, who, at, notes)
    if not booking:
        raise CannotAsk(f"a free time at franchise {at.franchise} cannot be booked: {answer.trouble or f'status {answer.status}'}")
    return booking


def read(scene: ProbeScene, who: ProbeCustomer, where: int, booking: Any, region: str = "") -> tuple[ProbeAnswer, dict[str, Any]]:
    """Read a booking; returns the answer, and the booking if it is shown."""
    answer = scene.call("read_booking", who, where, region, booking=booking)
    told = scene.api.told("read_booking", answer.json) if answer.good else None
    return answer, told if isinstance(told, dict) else {}


def cancel(scene: ProbeScene, who: ProbeCustomer, where: int, booking: Any, region: str = "") -> ProbeAnswer:
    """Cancel a booking, from an address of its own, so that a limit on cancels does not keep it."""
    answer = scene.call("cancel", replace(who, address=scene.new_address()), where, region, booking=booking)
    if answer.good:
        scene.gone(booking)
    return answer


def tidy(scene: ProbeScene) -> tuple[str, ...]:
    """Cancel what the round has booked and not cancelled; returns what still stands."""
    left = []
    for booking, (who, region, where) in scene.standing.items():
        answer = cancel(scene, who, where, booking, region)
        if not answer.good:
            _, told = read(scene, who, where, booking, region)
            if told.get("status") not in CANCELLED:
                left.append(f"booking {booking} at franchise {where}: its cancel answers {answer.status or answer.trouble}")
        scene.gone(booking)
    return tuple(left)
