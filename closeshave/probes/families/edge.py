"""What edges keep of public answers, as the points of presence of a CDN do: only that, for as long as stated, and for nobody else's question.

An edge says that an answer was kept by ``Age``, by ``Cache-Status`` (RFC 9211), or as the large CDNs do by ``X-Cache: Hit from …``.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from closeshave.api.spoken import ApiRequest
from closeshave.clients import edges
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.deciding import Unclear, busy, figure, settled, status
from closeshave.probes.people import FreeTime
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import ANEW, CannotAsk, ProbeAnswer, ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach
from closeshave.traffic import answers

CLAIMS = ("B17",)
HIT = re.compile(r"(?i)(;\s*hit\b|\bhit from\b)")
SHARED = re.compile(r"(?i)(?:^|[\s,])s-maxage\s*=\s*\"?([0-9]{1,9})")
OWN = re.compile(r"(?i)(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})")
PUBLIC = re.compile(r"(?i)(?:^|[\s,])(public|s-maxage)(?:$|[\s,=])")
TIMES = 12
"""Requests for the same, of which the edge must answer one. One place of a CDN may have several caches, each of which must ask once."""
WAITED_S_MAX = 15.0
"""A probe waits no longer for an answer to grow old."""
SLACK_S = 1.0
"""Caches count whole seconds."""
PAUSE_S = 0.1
LATE_S = 5.0
"""How much longer than stated a probe waits for a booking to be seen."""


def kept(answer: ProbeAnswer) -> bool:
    """Whether an answer came from the cache of an edge."""
    said = (answer.headers.get("cache-status", ""), answer.headers.get("x-cache", ""))
    return "age" in answer.headers or any(HIT.search(each) for each in said)


def stated_s(answer: ProbeAnswer, ttl_s: float) -> float | None:
    """How long an edge may keep this answer, in seconds: what it says itself, or what the environment says if that is less; ``None``: not at all."""
    told = answer.headers.get("cache-control", "")
    found = SHARED.search(told) or OWN.search(told)
    return min(float(found.group(1)), ttl_s) if found and "private" not in told.lower() and "no-store" not in told.lower() else None


def _as_customers_ask(request: ApiRequest) -> ApiRequest:
    return replace(request, headers={name: value for name, value in request.headers.items() if name not in ANEW})


def _doors(basis: ProbeBasis) -> list[str]:
    return list(basis.edge_ttls)


def _franchise(scene: ProbeScene, number: int) -> int:
    return people.franchise(scene.basis.topology.shards[0], number)


def _services(scene: ProbeScene, door: str, franchise: int) -> ProbeAnswer:
    """The list of services, as somebody without an account asks for it."""
    return scene.send(door, _as_customers_ask(scene.request("services", scene.nobody(door), franchise)))


# -- public answers come from the edge -----------------------------------------------------------------------------------------------------------


def _ask_public(scene: ProbeScene) -> None:
    for number, door in enumerate(_doors(scene.basis)):
        edge = next(one for one in scene.deployment.edges if one.region == door)
        before = edges.kept_answers(edge) if edge.stats_url else None
        found = [_services(scene, door, _franchise(scene, 60 + number)) for _ in range(TIMES)]
        after = edges.kept_answers(edge) if edge.stats_url else None
        counted = after - before if after is not None and before is not None else None
        from_edge = [kept(answer) for answer in found]
        same = len({answer.body for answer in found}) == 1
        scene.saw(door, f"the services, {TIMES} times", found[-1], kept=from_edge, counted=counted, same=same)


def _judge_public(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        found, counted = one.saw.get("kept"), one.saw.get("counted")
        if status(one) != 200 or not isinstance(found, list) or len(found) < TIMES:
            return Unclear(f"the services are not shown: status {status(one)}")
        if not PUBLIC.search(str(one.saw.get("cache-control", ""))):
            return Unclear("the platform does not say that the services are public")
        if not any(found[1:]):
            return f"asked for the services {len(found)} times, and never answered from the cache"
        if one.saw.get("same") is not True:
            return Unclear("the services were changed meanwhile")
        hits = sum(map(bool, found))
        return f"says that {hits} answers came from the cache, and counts {counted}" if isinstance(counted, int) and counted < hits else ""

    return settled(seen, _doors(basis), wrong, "every edge answers for the services itself when they are asked for again")


# -- private answers never do --------------------------------------------------------------------------------------------------------------------


def _ask_private(scene: ProbeScene) -> None:
    owner, other = people.customer(scene), people.customer(scene, number=1)
    at = people.free_time(scene, _franchise(scene, 70), owner.region)
    booking = people.booked(scene, owner, at)["id"]
    for door in _doors(scene.basis):
        for name, values in _private(booking).items():

            def asked(who: ProbeCustomer, operation: str = name, values: Mapping[str, Any] = values, door: str = door) -> ProbeAnswer:
                return scene.send(door, _as_customers_ask(scene.request(operation, who, at.franchise, **values)))

            own = [asked(owner) for _ in range(3)]
            strangers = [asked(other), asked(replace(owner, token=""))]
            scene.saw(
                f"{name} at {door}",
                "three times by its owner, then by another customer and by somebody without an account",
                own[-1],
                kept=sum(map(kept, [*own, *strangers])),
                to_another=strangers[0].body == own[-1].body and strangers[0].good,
                to_nobody=strangers[1].status,
            )


def _private(booking: Any) -> Mapping[str, Mapping[str, Any]]:
    """Operations whose answers are one customer's."""
    return {"my_bookings": {}, "profile": {}, "read_booking": {"booking": booking}}


def _judge_private(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("to_another") is True:
            return "another customer gets the same answer"
        if (number := figure(one, "kept")) is not None and number > 0:
            return f"{number:.0f} of five answers came from the cache"
        if one.saw.get("to_nobody") == 200:
            return "is shown to somebody without an account"
        if unclear := busy(one):
            return unclear
        if status(one) != 200 or number is None:
            return Unclear(f"its owner was answered {status(one)}")
        said = str(one.saw.get("cache-control", ""))
        return f"says that everybody may keep it: Cache-Control {said}" if PUBLIC.search(said) else ""

    subjects = [f"{name} at {door}" for door in _doors(basis) for name in _private(None)]
    return settled(seen, subjects, wrong, "no edge keeps what belongs to one customer, and the platform says of it that nobody may")


# -- nobody's question changes what others get ---------------------------------------------------------------------------------------------------


def _ask_franchises(scene: ProbeScene) -> None:
    for number, door in enumerate(_doors(scene.basis)):
        here, there = _franchise(scene, 80 + 2 * number), _franchise(scene, 81 + 2 * number)
        barber = _barber(scene, door, here)
        day = next(people.free_times(scene, here, door)).day

        def lists(franchise: int, *, anew: bool, door: str = door, barber: Any = barber, day: Any = day) -> ProbeAnswer:
            request = _slots(scene, scene.nobody(door), franchise, day, barber)
            return scene.send(door, request if anew else _as_customers_ask(request))

        own = [lists(here, anew=False) for _ in range(2)]
        foreign = lists(there, anew=False)
        truth = lists(there, anew=True)
        scene.saw(
            door,
            f"free times of a barber of franchise {here}, there and in the name of franchise {there}",
            foreign,
            own=own[-1].status,
            differs=own[-1].status != truth.status or own[-1].body != truth.body,
            right=(foreign.status, foreign.body) == (truth.status, truth.body),
            of_another=(foreign.status, foreign.body) == (own[-1].status, own[-1].body),
            from_edge=kept(foreign),
        )


def _judge_franchises(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        if one.saw.get("own") != 200 or one.saw.get("differs") is not True:
            return Unclear("both franchises get the same answer, so that it is not known whose it was")
        if one.saw.get("right") is True:
            return ""
        if one.saw.get("of_another") is True:
            return f"a franchise gets the answer of another one: status {status(one)}"
        return Unclear("the answer is neither that of the other franchise nor what the platform answers a moment later")

    return settled(seen, _doors(basis), wrong, "no edge gives a franchise the answer of another one")


POISON: Mapping[str, Callable[[str, int], dict[str, str]]] = {
    "another host": lambda mark, _: {"Host": f"{mark}.example"},
    "a forwarded host": lambda mark, _: {"X-Forwarded-Host": f"{mark}.example", "Forwarded": f"host={mark}.example"},
    "another scheme": lambda mark, _: {"X-Forwarded-Proto": mark, "X-Forwarded-Scheme": mark},
    "another path": lambda _mark, _: {"X-Original-URL": "/health/live", "X-Rewrite-URL": "/health/live"},
    "another method": lambda _mark, _: {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"},
    "an origin": lambda mark, _: {"Origin": f"https://{mark}.example", "Referer": f"https://{mark}.example/"},
    "a language": lambda mark, _: {"Accept-Language": mark, "User-Agent": mark},
    "an encoding": lambda mark, _: {"Accept-Encoding": mark},
    "a second franchise": lambda _mark, other: {"x-franchise-id": str(other)},
    "a long header": lambda mark, _: {"X-Closeshave": mark * 100},
}
"""What somebody may send beside a harmless request: the headers, made of a mark and of another franchise. None of it may change what the next one gets."""


def _ask_unkeyed(scene: ProbeScene) -> None:
    def one(place: tuple[str, int, str]) -> None:
        door, number, name = place
        mark, franchise = f"closeshave-{uuid.uuid4().hex[:8]}", _franchise(scene, 100 + number)
        request = _as_customers_ask(scene.request("services", scene.nobody(door), franchise))
        poison = POISON[name](mark, _franchise(scene, 99))
        poisoned = scene.send(door, replace(request, headers={**request.headers, **poison}))
        after = _services(scene, door, franchise)
        truth = scene.send(door, scene.request("services", scene.nobody(door), franchise))
        shown = mark in after.text or any(mark in value for value in after.headers.values())
        scene.saw(
            f"{name} at {door}",
            f"the services of franchise {franchise} with {', '.join(poison)}, then without",
            after,
            first=poisoned.status,
            truth=truth.status,
            same=after.body == truth.body,
            shown=shown,
            from_edge=kept(after),
        )

    doors = _doors(scene.basis)
    scene.several(
        one, [(door, place * len(POISON) + number, name) for place, door in enumerate(doors) for number, name in enumerate(POISON)]
    )


def _judge_unkeyed(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if one.saw.get("shown") is True:
            return "the next customer is shown what the one before sent"
        if one.saw.get("truth") != 200:
            return Unclear(f"the services are not shown: status {one.saw.get('truth')}")
        if one.saw.get("from_edge") is not True and (unclear := busy(one)):
            return unclear
        if status(one) != 200:
            return f"the next customer is answered {status(one)}, and the platform itself answers 200"
        return "" if one.saw.get("same") is True else "the next customer gets another answer than the platform gives"

    subjects = [f"{name} at {door}" for door in _doors(basis) for name in POISON]
    found = settled(seen, subjects, wrong, "whatever somebody sends beside a question, the next one gets the right answer at every edge")
    if found.broken == 0 and seen and not any(one.saw.get("from_edge") is True for one in seen):
        return settled(seen, subjects, lambda _: Unclear("no answer came from a cache, so that none could be a wrong one"), "")
    return found


# -- for as long as stated -----------------------------------------------------------------------------------------------------------------------


def _ask_age(scene: ProbeScene) -> None:
    def one(place: tuple[int, str]) -> None:
        number, door = place
        franchise = _franchise(scene, 160 + number)
        answer = _services(scene, door, franchise)
        # It was kept from now on at the latest, and until somebody asked for it at the least: how long an answer is under way proves nothing.
        began = time.monotonic()
        stated = stated_s(answer, scene.basis.edge_ttls[door])
        oldest, last_s, hits, age = 0.0, 0.0, 0, -1.0
        while stated is not None and stated <= WAITED_S_MAX and time.monotonic() - began < stated + LATE_S:
            since_s, before = time.monotonic() - began, age
            answer = _services(scene, door, franchise)
            age = _age(answer)
            # An answer that is younger than the one before is another one, which somebody else asked for.
            if hits and (not kept(answer) or age < before):
                break
            if kept(answer):
                hits, last_s, oldest = hits + 1, since_s, max(oldest, age)
            time.sleep(4 * PAUSE_S)
        scene.saw(
            door,
            "the services, until they are asked of the platform again",
            answer,
            stated_s=stated,
            oldest_s=oldest,
            last_s=last_s,
            hits=hits,
        )

    scene.several(one, list(enumerate(_doors(scene.basis))))


def _age(answer: ProbeAnswer) -> float:
    told = answer.headers.get("age", "")
    return float(told) if told.isascii() and told.isdecimal() else 0.0


def _judge_age(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        stated, oldest, last, hits = (figure(one, name) for name in ("stated_s", "oldest_s", "last_s", "hits"))
        if stated is None or oldest is None or last is None or hits is None:
            return busy(one) or Unclear("the platform does not say how long the services may be kept")
        if oldest > stated:
            return f"an answer is {oldest:.0f} s old; {stated:g} s are stated"
        if last > stated + SLACK_S:
            return f"an answer is kept for {last:.1f} s; {stated:g} s are stated"
        if stated > WAITED_S_MAX:
            return Unclear(f"an answer may be kept for {stated:g} s, longer than a probe waits")
        return "" if hits else Unclear("no answer came from the cache")

    return settled(seen, _doors(basis), wrong, "no edge keeps an answer for longer than the answer and the environment state")


# -- bookings are seen in time -------------------------------------------------------------------------------------------------------------------


def _slots(scene: ProbeScene, who: ProbeCustomer, franchise: int, day: Any, barber: Any) -> ApiRequest:
    zone = scene.basis.capabilities.zone or scene.api.profile.zone or "UTC"
    return scene.request("slots", who, franchise, day=day, barber=barber, zone=zone, service=scene.api.usual)


def _barber(scene: ProbeScene, door: str, franchise: int) -> Any:
    """A barber of a franchise. Raises :class:`CannotAsk`."""
    if not scene.basis.capabilities.slots_by_barber:
        raise CannotAsk("lists of one barber's free times are always empty here")
    found = next(iter(answers.ids(scene.api.told("barbers", scene.call("barbers", scene.nobody(door), franchise).json))), None)
    if found is None:
        raise CannotAsk(f"no barber of franchise {franchise} is shown")
    return found


def _ask_bookings(scene: ProbeScene) -> None:
    owner = people.customer(scene)

    def one(place: tuple[int, str]) -> None:
        number, door = place
        franchise = _franchise(scene, 180 + number)
        barber = _barber(scene, door, franchise)
        found = next(people.free_times(scene, franchise, door), None)
        if found is None:
            raise CannotAsk(f"franchise {franchise} offers no free time")

        def look() -> tuple[ProbeAnswer, set[str]]:
            answer = scene.send(door, _as_customers_ask(_slots(scene, scene.nobody(door), franchise, found.day, barber)))
            return answer, _times(scene, answer, found)

        first, offered = look()
        at = FreeTime(franchise, found.day, min(offered, default=""), found.zone)
        _, booking = people.book(scene, owner, at, "closeshave probe", region=door, barber=barber) if offered else (first, {})
        began, stated = time.monotonic(), stated_s(first, scene.basis.edge_ttls[door])
        hits, shown_s, gone, answer = 0, 0.0, False, first
        while booking and not gone and time.monotonic() - began < (stated or 0.0) + LATE_S:
            asked_s = time.monotonic() - began
            answer, times = look()
            hits, gone = hits + kept(answer), answer.good and at.time not in times
            shown_s = asked_s if at.time in times else shown_s
            time.sleep(PAUSE_S)
        platform = scene.send(door, _slots(scene, scene.nobody(door), franchise, found.day, barber))
        scene.saw(
            door,
            f"free times of barber {barber} at franchise {franchise} on {at.day}, until {at.time} is gone that was booked",
            answer,
            booked=bool(booking),
            stated_s=stated,
            gone=gone,
            shown_s=shown_s,
            by_platform=at.time in _times(scene, platform, found),
            hits=hits,
        )

    scene.several(one, list(enumerate(_doors(scene.basis))))


def _times(scene: ProbeScene, answer: ProbeAnswer, found: FreeTime) -> set[str]:
    """The times that a list offers on the day of a free time."""
    body = scene.api.told("slots", answer.json) if answer.good else None
    return {at for day, at in answers.free_times(body, found.day, found.zone) if day == found.day}


def _judge_bookings(seen: Sequence[Observation], basis: ProbeBasis) -> ProbeFinding:
    def wrong(one: Observation) -> str:
        if unclear := busy(one):
            return unclear
        stated, shown = figure(one, "stated_s") or 0.0, figure(one, "shown_s")
        if one.saw.get("booked") is not True or shown is None:
            return Unclear("no free time could be booked")
        if one.saw.get("gone") is not True and one.saw.get("by_platform") is True:
            return Unclear("the platform itself offers the time that was booked")
        if shown > stated + SLACK_S:
            return f"offers a time {shown:.1f} s after it was booked; {stated:g} s are stated"
        return "" if one.saw.get("gone") is True else Unclear("the list was not read again after the stated time")

    return settled(seen, _doors(basis), wrong, "a booked time is offered by no edge for longer than stated")


NEEDS = ("edge cache", "services")
FAMILY = ProbeFamily(
    "edge",
    "Edges that keep public answers, as a CDN does, keep nothing else, for no longer than stated, and give nobody the answer to another question.",
    (
        PromiseProbe(
            "edge.public-answers-kept",
            CLAIMS,
            f"The services of a franchise are asked for {TIMES} times at every edge: an answer comes from its cache, by what it says and by its counter.",
            _ask_public,
            _judge_public,
            smoke=False,
            needs=NEEDS,
        ),
        PromiseProbe(
            "edge.private-answers-never",
            CLAIMS,
            "Bookings and profile of a customer are asked for at every edge, then by others: no answer comes from a cache, and none is called public.",
            _ask_private,
            _judge_private,
            reach=ProbeReach.BOOKS,
            smoke=False,
            needs=("edge cache", "login", "book", "cancel", "slots", "read_booking", "my_bookings", "profile"),
        ),
        PromiseProbe(
            "edge.franchises-apart",
            CLAIMS,
            "A list that one franchise has is asked for in the name of another one, at every edge: it gets its own answer.",
            _ask_franchises,
            _judge_franchises,
            smoke=False,
            needs=("edge cache", "franchises", "slots", "barbers"),
        ),
        PromiseProbe(
            "edge.others-unaffected",
            CLAIMS,
            f"{len(POISON)} sorts of input that a cache may overlook are sent beside a harmless question: whoever asks it next gets the right answer.",
            _ask_unkeyed,
            _judge_unkeyed,
            reach=ProbeReach.STRAINS,
            smoke=False,
            needs=NEEDS,
        ),
        PromiseProbe(
            "edge.kept-as-long-as-stated",
            CLAIMS,
            "The services are asked for at every edge until they come from the platform again: no answer is older than it says it may become.",
            _ask_age,
            _judge_age,
            smoke=False,
            needs=NEEDS,
        ),
        PromiseProbe(
            "edge.bookings-seen-in-time",
            CLAIMS,
            "A time is booked, and its barber's free times are asked for at every edge: it is offered for no longer than a list may be kept.",
            _ask_bookings,
            _judge_bookings,
            reach=ProbeReach.BOOKS,
            smoke=False,
            needs=("edge cache", "login", "book", "cancel", "slots", "barbers"),
        ),
    ),
)
