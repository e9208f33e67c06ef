"""The doctor's findings from a platform's answers: which routes answer, which answers differ from the API, what it cannot do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from closeshave.api.spoken import SpokenApi
from closeshave.environments.remote import meaning, speaking, zones
from closeshave.environments.remote.asking import Heard
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.visiting import BARBERS_MAX, READ, Noticed
from closeshave.files import foreign
from closeshave.operations import PAYING
from closeshave.plurals import counted, plural

Level = Literal["ok", "note", "missing"]

NOTHING = Noticed()


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was found."""

    what: str
    level: Level
    saw: str
    advice: str = ""
    """What the environment file should say about it; empty when nothing."""


def routes(api: SpokenApi) -> tuple[str, ...]:
    """Requests that a platform of this API answers with 2xx, in the order in which they are reported; every operation is among them.

    Free times are reported by :func:`_times`.
    """
    told = ("public services", "register", "login", "refresh", *READ, *api.profile.examined.reads, "availability check", "book", "read_booking",
            "my bookings", "reschedule", "pay_intent", "pay_confirm", "cancel")  # fmt: skip
    return tuple(dict.fromkeys((*told, *(question for question in meaning.STEPS if question != "slots"))))


def findings(definition: Remote, heard: Mapping[str, Heard], noticed: Noticed = NOTHING) -> tuple[Remark, ...]:
    """All findings, in the order of the requests."""
    api = speaking.of(definition.api)
    return (
        *health(heard, api),
        *_routes(heard, api),
        *_times(noticed, heard),
        *_people(noticed, api),
        *_dialect(heard, noticed, api),
        *_abilities(definition, heard, noticed),
        *_tidied(noticed),
    )


def health(heard: Mapping[str, Heard], api: SpokenApi) -> tuple[Remark, ...]:
    """The findings about the routes on which a platform says how it is."""
    return tuple(_health(heard, api))


def _health(heard: Mapping[str, Heard], api: SpokenApi) -> Iterator[Remark]:
    for name, path in api.profile.examined.health.items():
        if name not in heard:
            continue
        one = heard[name]
        what = "ready" if name == "ready" else path
        if name == "ready" and isinstance(one.body, dict) and foreign.is_one_of(one.body.get("status"), {"not_ready", "error"}):
            yield Remark(what, "missing", f"answers {one.status}, and its body says {one.body['status']}: the platform itself is not ready")
        elif one.good:
            yield Remark(what, "ok", "answers")
        else:
            cost = "; no run needs it" if one.status and name != "ready" else ""
            yield Remark(what, "note" if one.status and name != "ready" else "missing", f"{one.said}{cost}")
    if "health" in heard and "health/" in heard:
        short, long = (heard[name].body if isinstance(heard[name].body, dict) else {} for name in ("health", "health/"))
        if more := sorted(map(str, set(long) - set(short))):
            yield Remark("/health and /health/", "note", f"are two routes: only the one with the slash returns {', '.join(more[:6])}")


def _routes(heard: Mapping[str, Heard], api: SpokenApi) -> Iterator[Remark]:
    off, unused = meaning.steps_off(heard, api), {*api.profile.examined.reads, "availability check"}
    for name in routes(api):
        if name not in heard:
            continue
        one = heard[name]
        what = "payments" if name == "pay_intent" else name
        if one.good:
            yield Remark(what, "ok", "a payment intent is answered" if name == "pay_intent" else "answers")
        elif name in unused:
            yield Remark(what, "note", f"{one.said}; no run needs it")
        else:
            saw = f"a payment intent {one.said}" if name == "pay_intent" else one.said
            operation = meaning.STEPS.get(name, name)
            steps = PAYING if operation in PAYING else (operation,)
            yield Remark(what, "missing", saw, f"capabilities.steps_off: [{', '.join(steps)}]" if operation in off else "")
    if "login" in heard and heard["login"].good:
        took_ms = heard["login"].took_s * 1e3
        yield Remark("duration of a log-in", "note", f"{took_ms:.0f} ms; every customer logs in once before the load")
    if "guest" in heard:
        status = heard["guest"].status
        there = status in {200, 400, 422, 429}
        yield Remark("guest booking", "note" if there else "missing",
                      f"an empty request answers {status}{': the route exists' if there else ''}; no booking is made, "
                      "because a guest cannot cancel it")  # fmt: skip


def _times(noticed: Noticed, heard: Mapping[str, Heard]) -> Iterator[Remark]:
    """How free times can be found, and how many there are."""
    if not noticed.looked:
        return
    if noticed.day is None:
        said = (
            heard["slots"].said
            if "slots" in heard and not heard["slots"].good
            else "every list of free times was empty, the merged one and those of each barber"
        )
        more = "; bookings were tried at usual hours" if noticed.took or noticed.refused else ""
        yield Remark("slots", "missing", f"{said}{more}", "capabilities.steps_off: [slots]" if "slots" in meaning.steps_off(heard) else "")
        return
    counts = ", ".join(f"{who}: {count}" for who, count in noticed.listed.items())
    saw = f"{counted(noticed.merged, 'free time')} on {noticed.day} merged over barbers; by barber: {counts or 'none was asked'}"
    if meaning.slots_by_barber(noticed) is False:
        yield Remark("slots", "missing", f"{saw}: a list of one barber is always empty", "capabilities.slots_by_barber: false")
    elif not noticed.merged:
        yield Remark("slots", "note", f"{saw}: the merged list is empty")
    else:
        yield Remark("slots", "ok", saw)


def _people(noticed: Noticed, api: SpokenApi) -> Iterator[Remark]:
    if not noticed.looked:
        return
    if not noticed.took:
        why = "; ".join(f"{'any barber' if who is None else f'barber {who}'}: {said}" for who, said in list(noticed.refused.items())[:3])
        yield Remark("booking", "missing", f"no booking was accepted: {why or 'there was no barber to book'}")
        return
    if idle := [who for who in noticed.refused if who is not None]:
        yield Remark(
            "barbers without hours", "missing", f"{', '.join(map(str, idle))} accepted no booking at any time that was tried",
            f"capabilities.idle_barbers: {list(meaning.idle_barbers(noticed))}",
        )  # fmt: skip
    if len(noticed.barbers) > BARBERS_MAX:
        yield Remark("barbers", "note", f"{len(noticed.barbers)} are listed; the first {BARBERS_MAX} were tried")
    if odd := [who for who in noticed.barbers if not api.is_id(who)]:
        yield Remark("barbers", "missing", f"IDs are text ({odd[0]!r}), but the API has numbers", "ids: any, in the API profile")


def _dialect(heard: Mapping[str, Heard], noticed: Noticed, api: SpokenApi) -> Iterator[Remark]:
    if _answered(heard, "no slash") and 300 <= heard["no slash"].status < 400:
        yield Remark(
            "trailing slash",
            "note",
            f"a collection without its trailing slash is answered {heard['no slash'].status}; customers send the slash",
        )
    if "no csrf" in heard:
        one = heard["no csrf"]
        refused = Remark("CSRF", "note", "a change without a CSRF pair is refused with 403; customers send the pair")
        yield refused if one.status == 403 else Remark("CSRF", "note", f"a change without a CSRF pair is answered {one.status}")
        if one.dropped:
            yield Remark(
                "dropped connection",
                "note",
                "after the refusal the platform closes the connection without announcing it; customers open another",
            )
    yield from _booking_dialect(heard, noticed, api)


def _booking_dialect(heard: Mapping[str, Heard], noticed: Noticed, api: SpokenApi) -> Iterator[Remark]:
    if _answered(heard, "conflict"):
        one = heard["conflict"]
        if one.good:
            yield Remark(
                "double booking",
                "missing",
                "the same slot was booked twice, one booking after the other: a defect of the platform, not of its file",
            )
        else:
            told = "with 409" if one.status == 409 else f"with {one.status} and a message, never with 409"
            yield Remark("conflict", "ok" if one.status == 409 else "note", f"a request for a taken slot is refused {told}")
    yield from _at_once(noticed)
    if "book" in heard and isinstance(heard["book"].body, dict) and heard["book"].good:
        told_time = str(heard["book"].body.get("start_time", ""))
        if told_time and not api.lists_instants and not told_time.endswith("Z") and "+" not in told_time[10:]:
            yield Remark("times", "note", "are answered in UTC without saying so, but requested in local time")
        if not heard["book"].body.get("created_at"):
            yield Remark("created_at of bookings", "note", "is not in answers: the senders' clocks cannot be compared")
    if _answered(heard, "delete"):
        one = heard["delete"]
        yield Remark("DELETE of a booking", "note", f"{one.said}; customers cancel by {api.profile.operations.cancel.method}")
    if _answered(heard, "key format") and heard["key format"].status == 400:
        yield Remark("Idempotency-Key", "note", "must have the form prefix_uuid4 for payments; customers send that form")
    yield from _lists(noticed)


def _at_once(noticed: Noticed) -> Iterator[Remark]:
    if not noticed.at_once:
        return
    both, count = ", ".join(map(str, noticed.at_once)), sum(200 <= status < 300 for status in noticed.at_once)
    match count:
        case 0:
            yield Remark("concurrent bookings", "note", f"neither of two bookings of one slot at the same instant was accepted ({both})")
        case 1:
            yield Remark("concurrent bookings", "ok", f"of two bookings of one slot at the same instant one was accepted ({both})")
        case _:
            yield Remark(
                "concurrent bookings",
                "missing",
                f"two bookings of one slot at the same instant were both accepted ({both}): a defect of the platform",
            )


def _lists(noticed: Noticed) -> Iterator[Remark]:
    if noticed.mine is None:
        return
    if noticed.mine.lacking:
        yield Remark("lists", "missing", f"the customer's own list {noticed.mine.lacking}", "read_back.sql: {1: NAME_OF_VARIABLE}")
        return
    told = {True: "skip and limit work", False: "skip and limit are ignored", None: "pages were not tested"}[noticed.paged]
    yield Remark(
        "lists",
        "ok",
        f"the customer's own list was read to its end, {counted(len(noticed.mine.rows), 'row')} (by {noticed.mine.way}); {told}",
    )


def _abilities(definition: Remote, heard: Mapping[str, Heard], noticed: Noticed) -> Iterator[Remark]:
    if meaning.ready_by(heard) == "body":
        yield Remark(
            "readiness", "note", "has a status in the body as well: the code 200 alone proves nothing", "capabilities.ready_by: body"
        )
    if noticed.looked and not meaning.tells_franchises(heard):
        yield Remark("franchises", "missing", "no X-Region, X-Cache or Server-Timing in answers", "capabilities.franchises: false")
    if meaning.tells_franchises(heard) and _answered(heard, "far franchise") and heard["far franchise"].status != 404:
        yield Remark("franchises", "note", f"a franchise that does not exist {heard['far franchise'].said}, not 404")
    if meaning.honours_keys(heard) is False:
        yield Remark(
            "keyed bookings", "missing", "the same idempotency key did not return the same booking", "capabilities.keyed_bookings: false"
        )
    yield from _zone(definition, noticed)
    yield from _addresses(definition, heard)
    if not definition.read_back.sql:
        yield Remark(
            "read-back", "note", "no databases are named: the final state is read through the API", "read_back.sql: {1: NAME_OF_VARIABLE}"
        )
    if not definition.hooks:
        yield Remark("hooks", "missing", "none: no fault can be injected", "hooks: [...]")
    if not definition.drill_hooks:
        yield Remark("drill hooks", "note", "none: no drill can be carried out", "drill_hooks: [...]")
    if definition.metrics.prometheus is None:
        yield Remark("monitoring", "missing", "none is named: alerts are not seen", "metrics.prometheus: URL")


def _zone(definition: Remote, noticed: Noticed) -> Iterator[Remark]:
    if noticed.booked is None and noticed.zone is None:
        return
    found, others = meaning.zone(noticed)
    pair = (
        f"{noticed.booked.asked:%H:%M} was booked as {noticed.booked.answered:%H:%M} UTC"
        if noticed.booked
        else "lists of free times name it"
    )
    if found is None:
        yield Remark("time zone", "missing", f"{pair}, which fits no zone")
        return
    guess = f"; {', '.join(others)} would fit too, so this is a guess" if others else ""
    stated = definition.capabilities.zone
    wrong = (
        stated is not None
        and found != stated
        and stated not in (zones.fitting(noticed.booked.asked, noticed.booked.answered) if noticed.booked else ())
    )
    yield Remark("time zone", "missing" if wrong else "note" if guess else "ok", f"{pair}{guess}", f"capabilities.zone: {found}")


def _addresses(definition: Remote, heard: Mapping[str, Heard]) -> Iterator[Remark]:
    known, api = meaning.honours_addresses(heard), speaking.of(definition.api)
    route = api.profile.examined.client_address
    for operation, limit in meaning.limits_met(heard).items():
        yield Remark(f"limit of {operation}", "note", f"from the text of a 429: {limit}", f"capabilities.limits: {{{operation}: {limit}}}")
    if known.honoured is True:
        yield Remark(
            "addresses",
            "ok",
            "the platform uses X-Forwarded-For: each customer has its own rate limits",
            "capabilities.forwarded_for: true",
        )
    elif not api.uses("address"):
        yield Remark("addresses", "note", "the API profile has no header with {address}: all customers share the limits of one address")
    elif known.honoured is False:
        yield Remark("addresses", "missing", f"the platform ignores X-Forwarded-For and sees {known.as_}: all customers share the limits of one address",
                      "capabilities.forwarded_for: false")  # fmt: skip
    else:
        shows = f"no client_ip at {route}" if route else "its API profile names no route that shows it"
        yield Remark("addresses", "note", f"the platform does not say which client address it sees ({shows})",
                      "capabilities.forwarded_for: false where the platform ignores X-Forwarded-For")  # fmt: skip
    shared = known.honoured is False or not definition.capabilities.forwarded_for
    yield Remark(
        "limits per address", "note",
        f"were not tested, because that needs many calls{'; all customers share this machine' + chr(39) + 's' if shared else ''}: "
        "the stated ones are used",
        "capabilities.limits: {book: 50 per 1h} where they differ",
    )  # fmt: skip


def _tidied(noticed: Noticed) -> Iterator[Remark]:
    if noticed.cancelled:
        yield Remark(
            "cleaned up",
            "ok",
            f"{counted(noticed.cancelled, 'remaining booking')} of the examination {plural(noticed.cancelled, 'was', 'were')} cancelled",
        )
    for what in noticed.left:
        yield Remark("left behind", "missing", what)


def _answered(heard: Mapping[str, Heard], name: str) -> bool:
    return name in heard and heard[name].status > 0
