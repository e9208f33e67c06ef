"""Tests once before each run, outside the measured window: which client address the platform sees, and in which time zone it books.

A file may be wrong about both, and the platform may have changed since: with a wrong zone every booking looks like a phantom, and customers who share
one address are refused by limits that are meant for a single customer.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from closeshave.caps.pace import Pace
from closeshave.clients import web
from closeshave.deployment import Account, Capabilities
from closeshave.environments.driver import Say
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.remote import address, speaking, zones
from closeshave.environments.remote.api import Api, ApiUser, CallRefused
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.rows import epoch_s
from closeshave.files import foreign

TAG = "closeshave:before-the-run"
TIMEOUT_S = 10.0
DAYS = (20, 12, 26, 5)
"""How many days ahead are searched for a free time."""
TIMES_TRIED = 6
"""After so many refusals of listed times the zone counts as unknown."""


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """The result, which the run uses."""

    capabilities: Capabilities
    missing: dict[str, str] = field(default_factory=dict)
    """As :attr:`closeshave.deployment.Deployment.missing`."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One booking: the requested time and the answered time."""

    asked: datetime
    """The business's local time, naive."""
    answered: datetime
    """With its zone."""


def learn(definition: Remote, accounts: Sequence[Account], say: Say, authority: str = "") -> PreflightResult:
    """Test both. Books once with the first account, and cancels. ``authority`` is the file of the only one that is trusted, if there is one.

    Raises :class:`EnvironmentFailed` if the file is wrong about the zone.
    """
    url, able = next(iter(definition.regions.values())), definition.capabilities
    missing = {}
    if able.forwarded_for and (why := _not_honoured(url, definition, authority)):
        missing["forwarded_for"] = why
        say(f"the platform ignores X-Forwarded-For: {why}")
    zone, why = _zone(definition, accounts, say, authority)
    if why:
        missing["zone"] = why
        say(f"the time zone is uncertain: {why}")
    return PreflightResult(replace(able, zone=zone), missing)


def judge(stated: str | None, named: str | None, booked: Booked | None, today: date) -> tuple[str | None, str]:
    """The zone to use, and why it is not certain (empty when it is). Raises :class:`EnvironmentFailed` if the file states a wrong one. Pure."""
    if stated is not None:
        if booked is not None and booked.asked.replace(tzinfo=ZoneInfo(stated)) != booked.answered:
            fits = zones.fitting(booked.asked, booked.answered)
            raise EnvironmentFailed(
                f"the file says capabilities.zone: {stated}, but the platform booked {booked.asked:%Y-%m-%d %H:%M} as "
                f"{booked.answered:%Y-%m-%d %H:%M} UTC, which fits {fits[0] if fits else 'no zone'}; correct the zone"
            )
        if named is not None and booked is None and zones.differing((stated, named), today):
            raise EnvironmentFailed(
                f"the file says capabilities.zone: {stated}, but the platform's lists of free times say {named}; correct the zone"
            )
        return stated, ""
    if booked is None:
        return named, "" if named else "no test booking could be made, and neither the file nor the platform names it"
    fits = zones.fitting(booked.asked, booked.answered)
    if named in fits:
        return named, ""
    if not fits:
        return (
            None,
            f"a booking for {booked.asked:%Y-%m-%d %H:%M} was answered with {booked.answered:%Y-%m-%d %H:%M} UTC, which fits no zone",
        )
    likely = [zone for zone in fits if zone in zones.LIKELY] or list(fits[:1])
    if others := zones.differing(likely, today):
        return fits[0], f"a booking fits {fits[0]}, and {', '.join(others)} too, which change their clocks soon: set capabilities.zone"
    return fits[0], ""


def _not_honoured(url: str, definition: Remote, authority: str) -> str:
    """Why customers share an address although the file says otherwise; empty if they do not, or if the platform does not show it."""
    api = speaking.of(definition.api)
    if (route := api.profile.examined.client_address) is None:
        return ""
    answers: list[Any] = []
    with web.client(TIMEOUT_S, definition.proxy, authority=authority) as client:
        for headers in ({}, address.headers(api)):
            answers.append(None)
            with suppress(*web.FAILED, ValueError):
                answers[-1] = foreign.loads(client.get(url + route, headers=headers).content)
    found = address.known(*answers)
    if found.honoured is not False:
        return ""
    return (
        f"it sees {found.as_} for every customer, so all share the limits of one address: set capabilities.forwarded_for: false, "
        "and in capabilities.limits what the platform allows this one address"
    )


def _zone(definition: Remote, accounts: Sequence[Account], say: Say, authority: str) -> tuple[str | None, str]:
    able = definition.capabilities
    if not accounts or {"slots", "book"} & set(able.steps_off):
        return judge(able.zone, None, None, datetime.now(UTC).date())
    account, spoken = accounts[0], speaking.of(definition.api)
    if spoken.lists_instants:
        # Whatever the zone is, a free time and the booking of it are the same instant.
        return able.zone or spoken.profile.zone, ""
    pace = Pace(definition.caps.requests_per_s)
    url = definition.regions[account.region]
    with closing(Api(url, able, pace=pace, proxy=definition.proxy, spoken=spoken, authority=authority)) as api:
        franchise = definition.topology.shards[0].first if able.franchises else None
        try:
            caller = api.log_in(account.email, account.password)
            named, booked = _book(api, caller, franchise, say)
        except CallRefused as error:
            zone, why = judge(able.zone, None, None, datetime.now(UTC).date())
            return zone, why and f"{why} ({error})"
    if able.franchises and named:
        # Each franchise's lists name its own: one zone for all would be wrong.
        return able.zone, ""
    return judge(able.zone, named, booked, datetime.now(UTC).date())


def _book(api: Api, caller: ApiUser, franchise: int | None, say: Say) -> tuple[str | None, Booked | None]:
    """The zone that lists of free times name, and one booking that was cancelled again. Raises :class:`CallRefused`."""
    named, tried = None, 0
    for day in (datetime.now(UTC).date() + timedelta(days=ahead) for ahead in DAYS):
        asked = {"day": day, "barber": None, "zone": api.spoken.profile.zone, "service": api.spoken.usual}
        listed = api.told(caller, "slots", franchise, **asked)
        if isinstance(listed, dict) and foreign.is_one_of(listed.get("timezone"), available_timezones()):
            named = str(listed["timezone"])
        for at in _free(listed):
            if tried >= TIMES_TRIED:
                return named, None
            tried += 1
            wanted = {"day": day, "time": at.strftime("%H:%M"), "zone": api.spoken.profile.zone, "tag": TAG}
            try:
                told = api.book(caller, wanted, franchise, f"zone_{uuid.uuid4()}")
            except CallRefused:
                continue
            _take_back(api, caller, told, franchise, say)
            try:
                answered = datetime.fromtimestamp(epoch_s(told.get("start_time")), UTC)
            except ValueError:
                return named, None
            return named, Booked(datetime.combine(day, at), answered)
    return named, None


def _free(listed: Any) -> Iterator[time]:
    """Every second free time of a list, because neighbouring times are often refused for the same reason."""
    slots = listed.get("slots") if isinstance(listed, dict) else None
    times = [slot.get("time") for slot in slots if isinstance(slot, dict)] if isinstance(slots, list) else []
    for told in times[::2]:
        with suppress(TypeError, ValueError):
            yield time.fromisoformat(str(told))


def _take_back(api: Api, caller: ApiUser, told: dict[str, Any], franchise: int | None, say: Say) -> None:
    try:
        api.cancel(caller, told["id"], franchise)
    except (CallRefused, KeyError) as error:
        say(f"left behind: the test booking for the time zone could not be cancelled: {error}")
