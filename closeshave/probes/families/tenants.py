"""Nobody reads or changes what belongs to somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, settled, status
from closeshave.probes.people import FreeTime
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

CLAIMS = ("A10", "B17")
NEEDS = ("login", "book", "read_booking", "cancel", "slots")
REFUSED = frozenset({401, 403, 404})


def _shards(basis: ProbeBasis) -> list[str]:
    return [f"a booking of shard {shard.id}" for shard in basis.topology.shards]


def _with_a_booking(scene: ProbeScene) -> list[tuple[str, ProbeCustomer, ProbeCustomer, FreeTime, Any]]:
    """For every shard: owner, somebody else, time and ID of a booking."""
    owner, other = people.customer(scene), people.customer(scene, number=1)
    found = []
    for shard in scene.basis.topology.shards:
        at = people.free_time(scene, people.franchise(shard, 20), shard.home)
        found.append((f"a booking of shard {shard.id}", owner, other, at, people.booked(scene, owner, at)["id"]))
    return found


def _ask_read(scene: ProbeScene) -> None:
    for subject, owner, other, at, booking in _with_a_booking(scene):
        mine, _ = people.read(scene, owner, at.franchise, booking)
        answer, told = people.read(scene, other, at.franchise, booking)
        scene.saw(subject, f"somebody else reads booking {booking}", answer, owner_status=mine.status, shown=bool(told))


def _ask_anonymous(scene: ProbeScene) -> None:
    for subject, owner, _, at, booking in _with_a_booking(scene):
        mine, _ = people.read(scene, owner, at.franchise, booking)
        answer, told = people.read(scene, replace(owner, token=""), at.franchise, booking)
        scene.saw(subject, f"somebody without an account reads booking {booking}", answer, owner_status=mine.status, shown=bool(told))


def _judge_read(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("owner_status") != 200:
            return Unclear("its owner could not read it either")
        if unclear := busy(one):
            return unclear
        if one.saw.get("shown") is True or 200 <= status(one) < 300:
            return f"is shown to somebody else: status {status(one)}"
        return "" if status(one) in REFUSED else Unclear(f"somebody else is neither shown it nor refused: status {status(one)}")

    return settled(seen, _shards(basis), wrong, "a booking of every shard is shown to its owner and to nobody else")


def _ask_list(scene: ProbeScene) -> None:
    for subject, owner, other, at, booking in _with_a_booking(scene):
        lists = {name: scene.call("my_bookings", who, at.franchise) for name, who in (("mine", owner), ("others", other))}
        ids = {name: [str(row.get("id")) for row in _rows(answer.json)] for name, answer in lists.items()}
        scene.saw(
            subject,
            f"the lists of both customers, after booking {booking}",
            lists["others"],
            owner_status=lists["mine"].status,
            in_own=str(booking) in ids["mine"],
            in_others=str(booking) in ids["others"],
        )


def _rows(body: Any) -> list[dict[str, Any]]:
    """The rows of a list, which may be wrapped in an object."""
    if isinstance(body, dict):
        body = next((value for value in body.values() if isinstance(value, list)), [])
    return [row for row in body if isinstance(row, dict)] if isinstance(body, list) else []


def _judge_list(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("in_others") is True:
            return "stands in somebody else's list"
        if unclear := busy(one):
            return unclear
        return "" if one.saw.get("in_own") is True and status(one) == 200 else Unclear("it does not stand in its owner's list either")

    return settled(seen, _shards(basis), wrong, "a booking of every shard stands in its owner's list and in no other")


def _ask_change(scene: ProbeScene) -> None:
    for subject, owner, other, at, booking in _with_a_booking(scene):
        answer = scene.call("cancel", replace(other, address=scene.new_address()), at.franchise, booking=booking)
        _, told = people.read(scene, owner, at.franchise, booking)
        scene.saw(subject, f"somebody else cancels booking {booking}", answer, afterwards=told.get("status"))


def _judge_change(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("afterwards") in people.CANCELLED:
            return f"was cancelled by somebody else, who was answered {status(one)}"
        if unclear := busy(one):
            return unclear
        if one.saw.get("afterwards") is None:
            return Unclear("its owner could not read it afterwards")
        if 200 <= status(one) < 300:
            return f"somebody else's cancel is answered {status(one)}"
        return "" if status(one) in REFUSED else Unclear(f"it stands, and somebody else's cancel is answered {status(one)}")

    return settled(seen, _shards(basis), wrong, "somebody else's cancel is refused in every shard, and changes nothing")


FAMILY = ProbeFamily(
    "tenants",
    "Nobody reads or changes another's bookings. Inside a plan it is asked under load and during faults too.",
    (
        PromiseProbe(
            "tenants.read-refused",
            CLAIMS,
            "Somebody books in every shard; another customer who asks for that booking is refused, and its owner is not.",
            _ask_read,
            _judge_read,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "tenants.anonymous-refused",
            CLAIMS,
            "A booking of every shard is not shown without an account.",
            _ask_anonymous,
            _judge_read,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
        PromiseProbe(
            "tenants.lists-separate",
            CLAIMS,
            "A booking of every shard stands in its owner's list, and in nobody else's.",
            _ask_list,
            _judge_list,
            reach=ProbeReach.BOOKS,
            needs=(*NEEDS, "my_bookings"),
        ),
        PromiseProbe(
            "tenants.change-refused",
            CLAIMS,
            "Somebody else's cancel of a booking of every shard is refused, and the booking stands.",
            _ask_change,
            _judge_change,
            reach=ProbeReach.BOOKS,
            needs=NEEDS,
        ),
    ),
)
