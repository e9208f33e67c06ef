"""What the answers of a platform mean: which routes answer, which shapes differ, what it cannot do, and what its file should say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from closeshave.deployment import Capabilities
from closeshave.environments.remote.asking import Heard
from closeshave.environments.remote.definition import Remote

Level = Literal["ok", "note", "missing"]
ROUTES = ("ready", "public services", "register", "login", "refresh", "profile", "franchise", "services", "barbers", "slots", "book",
          "read_booking", "my bookings", "cancel")  # fmt: skip
"""Questions that a platform of this API answers with 200."""
STEPS = frozenset({"login", "refresh", "profile", "franchise", "services", "barbers", "slots", "book", "read_booking", "cancel"})
"""Of these a journey may leave out what does not answer; the operation has the question's name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    what: str
    level: Level
    saw: str
    advice: str = ""
    """What the environment file should say about it; empty when it need not."""


def findings(definition: Remote, heard: Mapping[str, Heard]) -> tuple[Finding, ...]:
    """Everything worth saying, in the order in which it was asked."""
    return (*_routes(heard), *_dialect(heard), *_abilities(definition, heard))


def proposal(definition: Remote, heard: Mapping[str, Heard]) -> dict[str, Any]:
    """The ``capabilities`` that the file should have, as it writes them."""
    able = definition.capabilities
    off = {*able.steps_off, *(name for name in STEPS if name in heard and heard[name].status != 200)}
    if _answered(heard, "pay_intent") and heard["pay_intent"].status != 200:
        off |= {"pay_intent", "pay_confirm"}
    proposed = replace(
        able,
        franchises=_tells_franchises(heard) if "slots" in heard else able.franchises,
        keyed_bookings=_honours_keys(heard) if "same key" in heard else able.keyed_bookings,
        ready_by="body" if _lies_in_code(heard) else able.ready_by,
        steps_off=tuple(sorted(off)),
    )
    told = asdict(proposed)
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in told.items() if value != asdict(Capabilities())[name]
    }


def _routes(heard: Mapping[str, Heard]) -> Iterator[Finding]:
    for name in ROUTES:
        if name not in heard:
            continue
        one = heard[name]
        if one.status == 200:
            yield Finding(name, "ok", "answers")
        else:
            advice = f"capabilities.steps_off: [{name}]" if name in STEPS else ""
            yield Finding(name, "missing", one.trouble or f"answers {one.status}", advice)
    if _answered(heard, "pay_intent"):
        status = heard["pay_intent"].status
        advice = "" if status == 200 else "capabilities.steps_off: [pay_intent, pay_confirm]"
        yield Finding("payments", "ok" if status == 200 else "missing", f"an intent answers {status}", advice)


def _dialect(heard: Mapping[str, Heard]) -> Iterator[Finding]:
    if _answered(heard, "no slash") and 300 <= heard["no slash"].status < 400:
        yield Finding(
            "trailing slash", "note", f"a collection without its slash answers {heard['no slash'].status}; customers send the slash"
        )
    if "no csrf" in heard:
        one = heard["no csrf"]
        refused = Finding("CSRF", "note", "a change without a CSRF pair is refused by 403; customers send the pair")
        yield refused if one.status == 403 else Finding("CSRF", "note", f"a change without a CSRF pair answers {one.status}")
        if one.dropped:
            yield Finding(
                "dropped connection", "note", "after the refusal the connection is closed without being announced; customers open another"
            )
    yield from _booking_dialect(heard)


def _booking_dialect(heard: Mapping[str, Heard]) -> Iterator[Finding]:
    if _answered(heard, "conflict"):
        status = heard["conflict"].status
        if status == 200:
            yield Finding("double booking", "missing", "the same chair was given away twice: a defect of the platform, not of its file")
        else:
            told = "by 409" if status == 409 else f"by {status} and a message, never 409"
            yield Finding("conflict", "ok" if status == 409 else "note", f"a taken slot is told {told}")
    if _answered(heard, "book") and isinstance(heard["book"].body, dict):
        told_time = str(heard["book"].body.get("start_time", ""))
        if told_time and not told_time.endswith("Z") and "+" not in told_time[10:]:
            yield Finding("times", "note", "are answered in UTC without saying so, and asked in local time")
        if not heard["book"].body.get("created_at"):
            yield Finding("birth of bookings", "note", "is not told: the senders' clocks cannot be compared")
    if _answered(heard, "delete") and heard["delete"].status >= 400:
        yield Finding("DELETE of a booking", "note", f"answers {heard['delete'].status}; customers cancel by PUT")
    if _answered(heard, "key format") and heard["key format"].status == 400:
        yield Finding("Idempotency-Key", "note", "must look like prefix_uuid4 on payments; customers' do")


def _abilities(definition: Remote, heard: Mapping[str, Heard]) -> Iterator[Finding]:
    if _lies_in_code(heard):
        yield Finding(
            "readiness", "note", "tells its status in the body as well: a code of 200 alone proves nothing", "capabilities.ready_by: body"
        )
    if "slots" in heard and not _tells_franchises(heard):
        yield Finding("franchises", "missing", "no X-Region, X-Cache or Server-Timing in answers", "capabilities.franchises: false")
    if "same key" in heard and not _honours_keys(heard):
        yield Finding("keyed bookings", "missing", "the same key did not give the same booking", "capabilities.keyed_bookings: false")
    if not definition.read_back.sql:
        yield Finding(
            "read-back", "note", "no databases are named: the final state is read through the API", "read_back.sql: {1: NAME_OF_VARIABLE}"
        )
    if not definition.hooks:
        yield Finding("hooks", "missing", "none: no fault can be injected", "hooks: [...]")
    if definition.metrics.prometheus is None:
        yield Finding("monitoring", "missing", "none is named: alerts are not seen", "metrics.prometheus: URL")
    shared = "" if definition.capabilities.forwarded_for else "; all customers share this machine's"
    yield Finding(
        "limits per address", "note",
        f"were not tried, for that takes more than a handful of calls{shared}: the stated ones are believed",
        "capabilities.forwarded_for: false where X-Forwarded-For is not honoured; capabilities.limits: {book: 50 per 1h} where they differ",
    )  # fmt: skip


def _answered(heard: Mapping[str, Heard], name: str) -> bool:
    return name in heard and heard[name].status > 0


def _lies_in_code(heard: Mapping[str, Heard]) -> bool:
    return _answered(heard, "ready") and isinstance(heard["ready"].body, dict) and "status" in heard["ready"].body


def _tells_franchises(heard: Mapping[str, Heard]) -> bool:
    return any({"x-region", "x-cache", "server-timing"} & set(one.headers) for one in heard.values())


def _honours_keys(heard: Mapping[str, Heard]) -> bool:
    first, again = heard["book"].body, heard["same key"]
    return again.status == 200 and isinstance(first, dict) and isinstance(again.body, dict) and first.get("id") == again.body.get("id")
