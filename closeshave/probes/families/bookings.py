"""A customer can book, and the platform keeps to its own rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from closeshave.api.spoken import ApiRequest
from closeshave.plurals import counted
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, figure, settled, status
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

TRIES = 10
"""Requests for one time: as many as there are barbers are right, after that it is taken."""
NEEDS = ("login", "book", "read_booking", "cancel", "slots")


def _shards(basis: ProbeBasis) -> list[str]:
    return [f"shard {shard.id}" for shard in basis.topology.shards]


def _judge(holds: str, wrong: Callable[[Observation], str]) -> Callable[[Sequence[Observation], ProbeBasis], ProbeFinding]:
    return lambda seen, basis: settled(seen, _shards(basis), lambda one: wrong(one) or busy(one), holds)


def _ask_round_trip(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        who, at = people.customer(scene), people.free_time(scene, people.franchise(shard, 30), shard.home)
        answer, booking = people.book(scene, who, at, notes := f"closeshave probe {uuid.uuid4()}")
        saw: dict[str, Any] = {}
        if booking:
            shown, told = people.read(scene, who, at.franchise, booking["id"])
            cancelled = people.cancel(scene, who, at.franchise, booking["id"])
            again, afterwards = people.read(scene, who, at.franchise, booking["id"])
            saw = {
                "read": shown.status,
                "read_id": str(told.get("id")) == str(booking["id"]),
                "notes": told.get("notes") == notes,
                "cancel": cancelled.status,
                "read_again": again.status,
                "afterwards": afterwards.get("status"),
            }
        scene.saw(f"shard {shard.id}", f"book at {at.day} {at.time}, read, cancel, read", answer, **saw)


def _wrong_round_trip(one: Observation) -> str:
    if status(one) >= 500:
        return f"booking a free time answers {status(one)}"
    if "read_id" not in one.saw:
        return Unclear(f"the free time could not be booked: status {status(one)}")
    for name, what in (("read", "the read"), ("cancel", "the cancel"), ("read_again", "the read after the cancel")):
        if one.saw.get(name) in {0, 429}:
            return Unclear(f"{what} was {'not answered' if not one.saw[name] else 'refused by a rate limit'}")
    if one.saw["read_id"] is not True:
        return "the booking cannot be read back"
    if one.saw["notes"] is not True:
        return "the notes are not as they were sent"
    return "" if one.saw["afterwards"] in people.CANCELLED else f"after its cancel ({one.saw['cancel']}) it is {one.saw['afterwards']!r}"


def _ask_twice(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        at = people.free_time(scene, people.franchise(shard, 31), shard.home)
        taken = 0
        for number in range(TRIES):
            answer, booking = people.book(scene, people.customer(scene, number=number % 2), at, "closeshave probe")
            if not booking:
                break
            taken += 1
        scene.saw(
            f"shard {shard.id}",
            f"book {at.day} {at.time} until it is taken",
            answer,
            booked=taken,
            barbers=_barbers(scene, shard.home, at.franchise),
            conflict=_conflicts(scene, answer.status, answer.json),
        )


def _barbers(scene: ProbeScene, region: str, where: int) -> int | None:
    """How many barbers a franchise lists; ``None`` if it does not tell."""
    answer = scene.call("barbers", scene.nobody(region), where) if "barbers" in scene.basis.offers else None
    told = scene.api.told("barbers", answer.json) if answer is not None and answer.good else None
    return len(told) if isinstance(told, list) else None


def _conflicts(scene: ProbeScene, code: int, body: object) -> bool:
    return scene.api.is_taken(code, body)


def _wrong_twice(one: Observation) -> str:
    booked, barbers = figure(one, "booked") or 0.0, figure(one, "barbers")
    # A list may be one page of many.
    if barbers and barbers < TRIES and booked > barbers:
        return f"one time was booked {booked:.0f} times, and there are {counted(int(barbers), 'barber')}"
    if one.saw.get("conflict") is True:
        return ""
    if booked >= TRIES:
        return Unclear(f"one time was booked {booked:.0f} times, and there may be as many barbers")
    return Unclear(f"the refusal is no conflict: status {status(one)}")


def _ask_key(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        who, at = people.customer(scene), people.free_time(scene, people.franchise(shard, 32), shard.home)
        key = people.new_key()
        (first, one), (_, other) = (people.book(scene, who, at, "closeshave probe", key) for _ in range(2))
        same = bool(one) and one.get("id") == other.get("id")
        scene.saw(f"shard {shard.id}", "book twice with one Idempotency-Key", first, same=same, both=bool(one) and bool(other))


def _wrong_key(one: Observation) -> str:
    if one.saw.get("both") is not True:
        return Unclear("one of the two requests was refused")
    return "" if one.saw.get("same") is True else "one key made two bookings"


def _ask_forged(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        who, at = people.customer(scene), people.free_time(scene, people.franchise(shard, 33), shard.home)
        whole = scene.request(
            "book", who, at.franchise, day=at.day, time=at.time, zone=at.zone, service=scene.api.usual, barber=None, tag="closeshave probe",
            key=people.new_key(),
        )  # fmt: skip
        bare = {name: value for name, value in whole.headers.items() if name.lower() not in {"cookie", "x-csrf-token"}}
        answer = scene.send(who.region, ApiRequest(whole.method, whole.path, bare, whole.body))
        told = scene.api.told("book", answer.json) if answer.good else None
        if isinstance(told, dict) and scene.api.is_id(told.get("id")):
            scene.made(told["id"], who, who.region, at.franchise)
        scene.saw(f"shard {shard.id}", "book without the pair of cookie and header", answer, pair=scene.api.has_csrf)


def _wrong_forged(one: Observation) -> str:
    if one.saw.get("pair") is not True:
        return Unclear("the API has no pair against forged requests")
    return "" if status(one) == 403 else f"answers {status(one)}"


def _ask_catalogue(scene: ProbeScene) -> None:
    for shard in scene.basis.topology.shards:
        where = people.franchise(shard, 34)
        nobody = scene.nobody(shard.home)
        services, barbers = scene.call("services", nobody, where), scene.call("barbers", nobody, where)
        rows = scene.api.told("services", services.json) if services.good else None
        people_there = scene.api.told("barbers", barbers.json) if barbers.good else None
        free = next(people.free_times(scene, where, shard.home), None)
        scene.saw(
            f"shard {shard.id}",
            f"services, barbers and free times of franchise {where}",
            services,
            services=len(rows) if isinstance(rows, list) else 0,
            barbers=len(people_there) if isinstance(people_there, list) else 0,
            free=free is not None,
        )


def _wrong_catalogue(one: Observation) -> str:
    if status(one) != 200:
        return busy(one) or f"its services answer {status(one)}"
    lacking = [name for name in ("services", "barbers", "free") if not one.saw.get(name)]
    return f"no {' and no '.join(lacking)}" if lacking else ""


def _ask_password(scene: ProbeScene) -> None:
    account = people.account_of(scene)
    for shard in scene.basis.topology.shards:
        answer = scene.call("login", scene.nobody(shard.home), email=account.email, password="not the password of anybody")  # noqa: S106
        scene.saw(f"shard {shard.id}", "log in with a wrong password", answer)


def _wrong_password(one: Observation) -> str:
    return busy(one) or ("" if status(one) in {400, 401, 403, 423} else f"answers {status(one)}")


FAMILY = ProbeFamily(
    "bookings",
    "A customer can book in every shard, and the platform keeps to its own rules.",
    (
        PromiseProbe(
            "bookings.catalogue-shown",
            (),
            "A franchise of every shard shows its services, its barbers and free times.",
            _ask_catalogue,
            _judge("every shard shows services, barbers and free times", _wrong_catalogue),
            needs=("services", "barbers", "slots"),
        ),
        PromiseProbe(
            "bookings.made-read-cancelled",
            (),
            "In every shard a free time is booked, read back as it was sent, cancelled, and then cancelled to its reader.",
            _ask_round_trip,
            _judge("booked, read and cancelled in every shard", _wrong_round_trip),
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "bookings.taken-time-refused",
            (),
            "In every shard one time is booked until it is taken, no more often than there are barbers: the next request is refused as a conflict.",
            _ask_twice,
            _judge("a taken time is refused in every shard", _wrong_twice),
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "bookings.one-key-one-booking",
            (),
            "In every shard the same Idempotency-Key is sent twice: both answers are the same booking.",
            _ask_key,
            _judge("one key made one booking in every shard", _wrong_key),
            reach=ProbeReach.BOOKS,
            needs=(*NEEDS, "keyed_bookings"),
        ),
        PromiseProbe(
            "bookings.forged-refused",
            (),
            "In every shard a booking without the pair of CSRF cookie and header is refused with 403.",
            _ask_forged,
            _judge("refused without the pair in every shard", _wrong_forged),
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "bookings.wrong-password-refused",
            (),
            "A log-in with a wrong password is refused.",
            _ask_password,
            _judge("a wrong password is refused everywhere", _wrong_password),
            reach=ProbeReach.BOOKS,
            needs=("login",),
        ),
    ),
)
