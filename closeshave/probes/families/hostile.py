"""Hostile input is refused, or kept as plain text: never carried out, never shown as markup, never an error of the server."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from closeshave.api.spoken import ApiRequest
from closeshave.files import foreign
from closeshave.probes import people
from closeshave.probes.basis import ProbeBasis
from closeshave.probes.corpus import HostileCase, cases
from closeshave.probes.deciding import Unclear, figure, settled, status
from closeshave.probes.people import FreeTime
from closeshave.probes.probe import ProbeFamily, PromiseProbe
from closeshave.probes.scene import AT_ONCE, CSRF, CannotAsk, ProbeAnswer, ProbeCustomer, ProbeScene
from closeshave.probes.values import Observation, ProbeFinding, ProbeReach

CLAIMS = ("P10",)
UNADMITTED = (401, 403)
"""Statuses of whoever may not ask at all."""
SLEPT_SHARE = 0.9
"""An answer that takes this share of a case's time longer than the usual ones may have been waiting for it."""
DATABASE_WORDS = re.compile(
    r"syntax error at or near|unterminated quoted|SQLSTATE|psycopg|asyncpg|sqlalchemy|pg_query|ORA-\d{5}|you have an error in your sql|"
    r"Traceback \(most recent call last\)",
    re.IGNORECASE,
)
"""What only an error inside of the server says."""
HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
"""What a header can hold (RFC 9110, section 5.5); nothing else can be sent there."""
Send = Callable[[ProbeScene, HostileCase], tuple[ProbeAnswer, dict[str, Any]]]


def _facts(case: HostileCase, answer: ProbeAnswer) -> dict[str, Any]:
    """What of an answer shows that a text was carried out, or shown as markup."""
    body, text = answer.text, case.whole
    html = "html" in answer.headers.get("content-type", "").lower() or not answer.headers.get("content-type")
    return {
        "took_s": round(answer.took_s, 3),
        "ran": bool(case.shows) and case.shows in body,
        "as_markup": html and "<" in text and text in body,
        "error_of_server": bool(DATABASE_WORDS.search(body)) and not DATABASE_WORDS.search(text),
        "header_made": "x-closeshave" in answer.headers or "closeshave" in answer.headers.get("set-cookie", ""),
    }


def _waited(case: HostileCase, answer: ProbeAnswer) -> bool:
    """Whether an answer took as long as a case that was carried out: on a busy machine any answer may, so it is asked for again."""
    return bool(case.sleeps) and answer.took_s >= SLEPT_SHARE * case.sleeps


def _again(answer: ProbeAnswer) -> dict[str, Any]:
    """What the second answer to such a case shows."""
    return {} if answer.trouble else {"took_again_s": round(answer.took_s, 3)}


def _probe(name: str, says: str, send: Send, fitting: Callable[[HostileCase], bool] = lambda _case: True, **more: Any) -> PromiseProbe:
    """A probe that sends every case to one place where text is taken."""

    def ask(scene: ProbeScene) -> None:
        def one(case: HostileCase) -> None:
            answer, saw = send(scene, case)
            facts = _facts(case, answer)
            if _waited(case, answer):
                again, _saw = send(scene, case)
                facts |= _again(again)
            scene.saw(case.id, f"{name.partition('.')[2]}: {case.whole[:200]!r}", answer, **facts, **saw)

        scene.several(one, [case for case in cases() if fitting(case)])

    def judge(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
        return _judge(seen, [case for case in cases() if fitting(case)])

    return PromiseProbe(name, CLAIMS, says, ask, judge, reach=ProbeReach.STRAINS, smoke=False, **{"needs": ("forwarded_for",), **more})


def _judge(seen: Sequence[Observation], asked: Iterable[HostileCase]) -> ProbeFinding:
    known = {case.id: case for case in asked}
    times = sorted(took for one in seen if (took := figure(one, "took_s")) is not None)
    usual_s = times[len(times) // 2] if times else 0.0

    def wrong(one: Observation) -> str:
        case, took_s = known.get(one.subject), figure(one, "took_s")
        if case is None or took_s is None:
            return Unclear("this case is not in the corpus")
        late_s = usual_s + SLEPT_SHARE * case.sleeps if case.sleeps else math.inf
        again_s = took_s if (again := figure(one, "took_again_s")) is None else again
        once = took_s >= late_s > again_s
        cases_of = (
            *((one.saw.get(fact) is True, said) for fact, said in _TOLD.items()),
            (status(one) >= 500, f"answers {status(one)}"),
            (took_s >= late_s and not once, f"takes {took_s:.1f} s and the usual answer {usual_s:.2f} s: it was carried out"),
            (status(one) == 429, Unclear("a rate limit refused it")),
            (once, Unclear(f"took {took_s:.1f} s, and {again_s:.1f} s when it was asked again: a busy machine, or a cache")),
            (bool(one.saw.get("unread")), Unclear(f"was refused without a look at it: {one.saw.get('unread')}")),
            (one.saw.get("stored") == "lost", Unclear("it was accepted and cannot be read back")),
        )
        return next((said for so, said in cases_of if so), "")

    refused = sum(400 <= status(one) < 500 for one in seen)
    kept = sum(one.saw.get("stored") in {"as sent", "changed"} for one in seen)
    holds = f"{len(known)} cases: {refused} refused, {kept} kept as plain text, none carried out"
    return settled(seen, known, wrong, holds)


_TOLD = {
    "ran": "was carried out: its result is in the answer",
    "as_markup": "is shown as markup, unescaped",
    "error_of_server": "shows an error from inside of the server",
    "header_made": "made a header of the answer",
    "logged_in": "logs in",
}


def _log_in(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    nobody = scene.nobody(scene.regions[0])
    answer = scene.call("login", nobody, scene.basis.topology.shards[0].first, email=case.whole, password=case.whole or "x")
    return answer, {"logged_in": answer.good}


def _register(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    nobody = scene.nobody(scene.regions[0])
    # Such as a mail server might take; most are refused as no address.
    email = f"{case.whole}@{uuid.uuid4().hex[:12]}.example.com"
    return scene.call("register", nobody, scene.basis.topology.shards[0].first, email=email, password=f"Cs-{uuid.uuid4()}"), {}


def _slots(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    shard = scene.basis.topology.shards[0]
    request = scene.request(
        "slots", scene.nobody(shard.home), shard.first, day=_day(), barber=case.whole, zone="UTC", service=scene.api.usual
    )
    if foreign.segment(case.whole) not in request.path:
        # As any client would quote it.
        request = replace(request, path=f"{request.path.partition('?')[0]}?appointment_date={foreign.segment(case.whole)}")
    return scene.send(shard.home, request), {}


def _identity(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    who = people.customer(scene)
    answer = scene.call(
        "read_booking", replace(who, address=scene.new_address()), scene.basis.topology.shards[0].first, booking=case.whole or "x"
    )
    return answer, {"unread": _unread(scene, answer)}


def _franchise(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    return scene.call("franchise", scene.nobody(scene.regions[0]), case.whole), {}


def _guest(scene: ProbeScene, case: HostileCase) -> tuple[ProbeAnswer, dict[str, Any]]:
    path = scene.api.profile.examined.guest
    if path is None:
        raise CannotAsk("the API profile names no bookings of guests (examined.guest)")
    shard, text = scene.basis.topology.shards[0], case.whole
    body = {
        "date": _day().isoformat(),
        # After closing time: every text is read and checked, and no time is taken, which nobody could give back.
        "time": "23:59",
        "service": text,
        "guest_info": {"first_name": text, "last_name": text, "email": f"{text}@example.com", "phone": text},
        "notes": text,
    }
    like = scene.request("login", scene.nobody(shard.home), shard.first, email="", password="")
    headers = {**like.headers, "Cookie": f"csrf_token={CSRF}", "X-CSRF-Token": CSRF}
    return scene.send(shard.home, ApiRequest("POST", path, headers, json.dumps(body).encode())), {}


def _unread(scene: ProbeScene, answer: ProbeAnswer) -> str:
    """Why a refusal says nothing about the text, which nobody looked at; empty if it may."""
    if answer.status in UNADMITTED:
        return f"the customer was not admitted (status {answer.status})"
    return "the time was taken" if not answer.good and scene.api.is_taken(answer.status, answer.json) else ""


def _day() -> date:
    return (datetime.now(UTC) + timedelta(days=3)).date()


def _ask_notes(scene: ProbeScene) -> None:
    """Each case is booked, read back and cancelled; a few franchises at once, one time at each."""
    shard, who = scene.basis.topology.shards[0], people.customer(scene)
    times = [people.free_time(scene, people.franchise(shard, 70 + number), shard.home) for number in range(AT_ONCE)]

    def one_after_another(number: int) -> None:
        for case in cases()[number::AT_ONCE]:
            _book(scene, replace(who, address=scene.new_address()), times[number], case)

    scene.several(one_after_another, list(range(AT_ONCE)))


def _book(scene: ProbeScene, who: ProbeCustomer, at: FreeTime, case: HostileCase) -> None:
    answer, booking = people.book(scene, who, at, case.whole)
    facts, stored = _facts(case, answer) | {"unread": _unread(scene, answer)}, ""
    if booking:
        shown, told = people.read(scene, who, at.franchise, booking["id"])
        facts = {name: value or facts[name] for name, value in _facts(case, shown).items() if name != "took_s"} | {
            "took_s": facts["took_s"]
        }
        notes = told.get("notes")
        stored = "as sent" if notes == case.whole else "changed" if told else "lost"
        people.cancel(scene, who, at.franchise, booking["id"])
    if _waited(case, answer):
        again, another = people.book(scene, who, at, case.whole)
        if another:
            people.cancel(scene, who, at.franchise, another["id"])
        facts |= _again(again) if not _unread(scene, again) else {}
    scene.saw(case.id, f"booking-notes: {case.whole[:200]!r}", answer, **facts, stored=stored)


def _judge_notes(seen: Sequence[Observation], _basis: ProbeBasis) -> ProbeFinding:
    return _judge(seen, cases())


FAMILY = ProbeFamily(
    "hostile",
    "Hostile input is refused, or kept as plain text. The cases are in `closeshave/probes/corpus/`; none does harm where it is carried out.",
    (
        _probe(
            "hostile.login",
            "Every case as e-mail address and password of a log-in: nobody is logged in.",
            _log_in,
            needs=("login", "forwarded_for"),
        ),
        _probe(
            "hostile.registration", "Every case within the e-mail address of a new account.", _register, needs=("register", "forwarded_for")
        ),
        _probe("hostile.search", "Every case in the query of a search for free times.", _slots, needs=("slots", "forwarded_for")),
        _probe(
            "hostile.booking-id",
            "Every case as the ID of a booking in a path.",
            _identity,
            needs=("login", "read_booking", "forwarded_for"),
        ),
        _probe(
            "hostile.franchise-header",
            "Every case that a header can hold, as X-Franchise-Id.",
            _franchise,
            lambda case: HEADER.fullmatch(case.whole) is not None,
            needs=("franchises", "franchise"),
        ),
        _probe("hostile.guest-booking", "Every case as name, address, service and notes of a guest's booking.", _guest),
        PromiseProbe(
            "hostile.booking-notes",
            CLAIMS,
            "Every case as the notes of a booking, which is read back and cancelled: refused, or kept as plain text.",
            _ask_notes,
            _judge_notes,
            reach=ProbeReach.STRAINS,
            smoke=False,
            needs=("login", "book", "read_booking", "cancel", "slots", "forwarded_for"),
        ),
    ),
)
