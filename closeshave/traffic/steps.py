"""The steps of a customer at the booking platform, one method each, with the effects that the judges of integrity need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from closeshave.api.spoken import SpokenApi
from closeshave.clock import now_ns
from closeshave.history import Effect, Outcome
from closeshave.loadgen.outcomes import Meaning
from closeshave.loadgen.transport import Request
from closeshave.operations import LOGIN_AGAIN
from closeshave.traffic import answers, dialect
from closeshave.traffic.accounts import Wallet
from closeshave.traffic.answers import Body, Check
from closeshave.traffic.dialect import Id, Slot
from closeshave.traffic.session import LEFT_OUT, UNAUTHENTICATED, Effects, Reply, Session

RETRY_AFTER_S = 1.0
"""How long a customer waits before trying the same booking again."""


LOOK_AGAIN_AFTER_S = 2.5
"""How long a refused customer waits before reading the list again: by then replicas are up to date, so a slot that is still offered was free."""
NO_ROUTE = frozenset({404, 405, 501})
SLOT_S = 1800


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment that the platform acknowledged to this customer."""

    id: Id
    slot: Slot
    service: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment that was announced; the amount in cents, ``None`` when the answer had none."""

    id: str
    amount: int | None


class SessionSteps:
    """The steps of one session. Each sends one request (booking: one more when it is unknown whether the first one counted)."""

    def __init__(self, session: Session, *, retries: bool = True) -> None:
        self.session = session
        self._retries = retries

    @property
    def _api(self) -> SpokenApi:
        return self.session.caller.api

    # -- choosing a service ----------------------------------------------------------------------------------------------------------------

    @property
    def usual_service(self) -> str:
        """The service that contests are about: the first one of the platform's API profile."""
        return self._api.usual

    def services_at(self, slot: Slot) -> list[str]:
        """Services that a customer can request at ``slot`` so that a refusal can be explained.

        A list of one barber shows later whether the whole time was free or a part of it was taken. A list merged over all barbers shows that some barber
        is free at each of two times, but not that it is the same one: from such a list only services of one step are booked.
        """
        return [service for service, minutes in self._api.minutes.items() if 60 * minutes <= SLOT_S or not slot.merged]

    # -- looking ---------------------------------------------------------------------------------------------------------------------------

    def franchise_page(self) -> None:
        """Read the shop's page."""
        self.session.call(dialect.franchise_page(self.session.caller))

    def services(self) -> None:
        """List the services."""
        self.session.call(dialect.services(self.session.caller), answers.a_list)

    def barbers(self) -> list[Id | None]:
        """List the barbers; returns the IDs of those who accept bookings, as far as is known.

        ``None`` among them stands for any barber, if the platform names none; empty when there was no good answer.
        """
        reply = self.session.call(dialect.barbers(self.session.caller), answers.a_list)
        if not reply.meaning.good and reply.meaning is not LEFT_OUT:
            return []
        franchise, learnt = self.session.caller.franchise, self.session.surroundings.learnt
        return [barber for barber in answers.ids(reply.body, self._api) if not learnt.idle(franchise, barber)] or [None]

    def slots(self, day: date, barber: Id | None = None, *, to_book: bool = False) -> list[Slot]:
        """List free times; empty when there was no good answer.

        A caller who requests one barber's times, or sets ``to_book``, wants to book: then the offered times are recorded. If lists of one barber are
        always empty (by the environment file, or as seen during the load), the list merged over all barbers is used.
        """
        learnt = self.session.surroundings.learnt
        if barber is None and not to_book:
            return self._list(day, None, None, keep=False) or []
        found: list[Slot] | None = None
        if barber is not None and learnt.lists_by_barber is not False:
            found = self._list(day, barber, barber)
            if found:
                learnt.compared(one=True, merged=False)
            if found is None or found or learnt.lists_by_barber:
                return self._looked(found)
        merged = self._list(day, None, barber)
        if found is not None and merged:
            learnt.compared(one=False, merged=True)
        return self._looked(merged)

    def _list(self, day: date, listed: Id | None, wanted: Id | None, *, keep: bool = True) -> list[Slot] | None:
        """One list, of the barber ``listed`` or of all, as times at the barber ``wanted``; ``None`` when there was no good answer."""

        def effects(operation: int, meaning: Meaning, body: Body) -> Effect | None:
            if meaning.outcome is not Outcome.OK:
                return None
            offered = orjson.dumps([slot.starts_at for slot in self._offered(body, day, listed, wanted)]).decode()
            return self._noted(operation, "offer", barber=listed, read_values=offered)

        request = dialect.slots(self.session.caller, day, listed, self.session.surroundings.conventions.zone)
        reply = self.session.call(request, answers.a_slot_list, effects if keep else None)
        return self._offered(reply.body, day, listed, wanted) if reply.meaning.outcome is Outcome.OK else None

    def _looked(self, found: list[Slot] | None) -> list[Slot]:
        if found is not None:
            self.session.surroundings.learnt.looked(empty=not found)
        return found or []

    def _offered(self, body: Body, day: date, listed: Id | None, wanted: Id | None) -> list[Slot]:
        around = self.session.surroundings
        told = (body.get("timezone") if isinstance(body, dict) else None) or around.conventions.zone
        assumed = told is None and not self._api.lists_instants
        around.learnt.zone_assumed |= assumed
        zone, merged = str(told or self._api.profile.zone), listed is None
        return [Slot(wanted, when, time, zone, merged, assumed) for when, time in answers.offered(body, day, zone)]

    def _look_again(self, slot: Slot, service: str) -> None:
        """After a refusal, list free times once more, slightly later: of this barber if such lists work, or the same list as before.

        Just before the load's end this is done sooner: then an offered time proves nothing, but a time that is not offered is held by someone.
        """
        self.session.wait_at_most(LOOK_AGAIN_AFTER_S)
        if slot.merged and slot.barber is not None and self.session.surroundings.learnt.checks_barbers:
            self._check(slot, slot.barber, service)
        else:
            self._list(slot.day, None if slot.merged else slot.barber, slot.barber)

    def _check(self, slot: Slot, barber: Id, service: str) -> None:
        """Check whether this barber is free for the whole time.

        Recorded like a list of this barber's times, because a merged list does not say who is free.
        """
        minutes = self._api.minutes[service]

        def effects(operation: int, meaning: Meaning, body: Body) -> Effect | None:
            if meaning.outcome is not Outcome.OK or not isinstance(body, dict) or not isinstance(body.get("is_available"), bool):
                return None
            times = range(slot.starts_at, slot.starts_at + 60 * minutes, SLOT_S) if body["is_available"] else ()
            return self._noted(operation, "offer", barber=barber, read_values=orjson.dumps([*times]).decode())

        request = dialect.check_barber(self.session.caller, barber, slot.day, slot.time[:5], dialect.later(slot.time, minutes), slot.zone)
        reply = self.session.call(request, answers.having("is_available"), effects)
        if reply.answer.status in NO_ROUTE:
            self.session.surroundings.learnt.checks_barbers = False

    # -- keeping a shop -------------------------------------------------------------------------------------------------------------------

    def read_shop(self) -> int | None:
        """Read the version of the shop's page; ``None`` when there was no good answer."""

        def effects(operation: int, meaning: Meaning, body: Body) -> Effect | None:
            return self._noted(operation, "read_shop", version=_shop_version(body)) if meaning.outcome is Outcome.OK else None

        reply = self.session.call(dialect.franchise_page(self.session.caller), answers.having("shop"), effects)
        return _shop_version(reply.body) if reply.meaning.good else None

    def change_shop(self, name: str, version: int) -> bool:
        """Change the shop's name; its page's version is then at least ``version``. Returns whether the platform acknowledged it."""

        def effects(operation: int, _meaning: Meaning, _body: Body) -> Effect:
            return self._noted(operation, "change_shop", version=version)

        return self.session.call(dialect.change_shop(self.session.caller, name), effects=effects).meaning.outcome is Outcome.OK

    # -- choosing --------------------------------------------------------------------------------------------------------------------------

    def some_day(self) -> date:
        """A random day that can be booked, except today."""
        zone = ZoneInfo(self.session.surroundings.conventions.zone or self._api.profile.zone)
        today = datetime.fromtimestamp(self.session.surroundings.wall_s(), zone).date()
        return today + timedelta(days=self.session.rng.choice(self.session.surroundings.conventions.days))

    # -- the account -----------------------------------------------------------------------------------------------------------------------

    def log_in(self) -> None:
        """Log in with the password, and use the new token from then on."""
        self._log_in()

    def _log_in(self, recorded: str = "") -> Mapping[str, Any] | None:
        """Log in, recorded under this name if one is given; the answer, or ``None`` when it was not good."""
        session, asked_ns = self.session, now_ns()
        reply = session.call(dialect.log_in(session.caller), answers.a_token, recorded=recorded)
        if not reply.meaning.good or not isinstance(reply.body, dict):
            return None
        session.caller = session.caller.admitted(str(reply.body["access_token"]), reply.body.get("csrf_token"))
        session.opened_ns = asked_ns
        return reply.body

    def _log_in_again(self) -> None:
        """After a refusal as not logged in: use the token that another visit of this account has got since, or log in with the password, as an app does.

        That is one more request, which no scenario intends, and a hash of the password; so an account waits longer each time before it tries again.
        """
        session, wallet = self.session, self.session.wallet
        if wallet is None or "login" not in self._api.offers:
            return
        email = session.caller.email
        if session.opened_ns is not None and wallet.opened_ns(email) > session.opened_ns:
            kept = wallet.account(email)
            session.caller, session.opened_ns = session.caller.admitted(kept.token, kept.csrf), wallet.opened_ns(email)
            return
        if not wallet.claim_log_in(email, now_ns()):
            return
        told = self._log_in(session.names.get("login", LOGIN_AGAIN))
        if told is not None and session.opened_ns is not None:
            refresh = str(told.get("refresh_token") or wallet.refresh_token(email))
            wallet.renew(email, session.caller.token, refresh, session.opened_ns, session.caller.csrf)

    def _call(
        self, request: Request, check: Check = answers.anything, effects: Effects | None = None, *, attempt: int = 1, idle: bool = False
    ) -> Reply:
        """A request of a customer who is logged in. One that is refused as not logged in is not repeated, but the next one has a new token."""
        reply = self.session.call(request, check, effects, attempt=attempt, idle=idle)
        if reply.answer.status == UNAUTHENTICATED:
            self._log_in_again()
        return reply

    def renew(self, wallet: Wallet) -> None:
        """Renew the account's token if it soon expires, as a customer's app does."""
        caller = self.session.caller
        if not wallet.claim_refresh(caller.email, now_ns()):
            return
        old, asked_ns = wallet.refresh_token(caller.email), now_ns()
        reply = self.session.call(dialect.refresh(caller, old), answers.a_token)
        if reply.meaning.good and isinstance(reply.body, dict):
            token = str(reply.body["access_token"])
            wallet.renew(caller.email, token, str(reply.body.get("refresh_token") or old), asked_ns)
            self.session.caller, self.session.opened_ns = caller.admitted(token), asked_ns

    def profile(self) -> None:
        """Read the customer's own profile."""
        self._call(dialect.me(self.session.caller), answers.having("client_id"))

    # -- appointments ----------------------------------------------------------------------------------------------------------------------

    def book(self, slot: Slot, service: str, submissions: int = 1) -> Appointment | None:
        """Book ``slot``; ``None`` when it was refused or failed. Repeats the request once, with the same key, when the outcome is unknown.

        Impatient customers submit a form more than once: further ``submissions`` with the same key follow the answer.
        """
        session = self.session
        key = self._key("book")
        check = answers.booked(slot, session.caller.franchise, self._api)
        idle = session.surroundings.learnt.idle(session.caller.franchise, slot.barber)

        def send(attempt: int, *, idle: bool = False) -> Reply:
            # Written each time: the customer may have logged in since.
            request = dialect.book(session.caller, slot, service, session.surroundings.tag, key)
            return self._call(request, check, self._created(slot, service, key), attempt=attempt, idle=idle)

        reply = send(1, idle=idle)
        if reply.meaning.outcome is Outcome.INFO and self._retries:
            session.wait(RETRY_AFTER_S)
            reply = send(2, idle=idle)
        self._learn(slot, reply)
        if answers.is_conflict(reply.answer.status, reply.body, self._api):
            self._look_again(slot, service)
        if reply.meaning.outcome is not Outcome.OK or not isinstance(reply.body, dict):
            return None
        # If the platform ignores the key, sending the form again requests another booking, which no customer intends.
        for attempt in range(2, submissions + 1 if session.surroundings.conventions.keyed_bookings else 2):
            send(attempt)
        return Appointment(reply.body["id"], slot, service)

    def _learn(self, slot: Slot, reply: Reply) -> None:
        """Note the barber in the answer to a booking."""
        learnt, franchise = self.session.surroundings.learnt, self.session.caller.franchise
        learnt.asked += 1
        if reply.meaning.outcome is Outcome.OK:
            learnt.took(franchise, slot.barber)
        elif 400 <= reply.answer.status < 500:
            learnt.refused += 1
            if answers.is_conflict(reply.answer.status, reply.body, self._api):
                learnt.refused_by(franchise, slot.barber, unavailable=answers.says_not_available(reply.body, self._api))

    def read_booking(self, booking: Appointment) -> None:
        """Read the customer's own booking."""

        def effects(operation: int, meaning: Meaning, body: Body) -> Effect | None:
            if not isinstance(body, dict) or "id" not in body:
                return None
            # As shown, whatever was requested: another customer's booking must never be shown.
            values = {name: body.get(name) for name in ("status", "version", "start_time", "client_id", "franchise_id")}
            told = body if meaning.outcome is Outcome.OK else None
            shown = orjson.dumps({"booking": body["id"], **values}).decode()
            return self._effect(operation, "read", told, booking, read_values=shown)

        self._call(dialect.read_booking(self.session.caller, booking.id), answers.booking_of(booking.id), effects)

    def reschedule(self, booking: Appointment, slot: Slot) -> Appointment:
        """Move the booking; returns it with its current slot, as far as the customer knows."""
        moved = replace(booking, slot=slot)
        reply = self._call(
            dialect.reschedule(self.session.caller, booking.id, slot, booking.service),
            answers.moved,
            lambda operation, _meaning, body: self._effect(operation, "reschedule", body, moved),
        )
        if answers.is_conflict(reply.answer.status, reply.body, self._api):
            self._look_again(slot, booking.service)
        return moved if reply.meaning.outcome is Outcome.OK else booking

    def cancel(self, booking: Appointment) -> None:
        """Cancel the booking."""
        self._call(
            dialect.cancel(self.session.caller, booking.id),
            effects=lambda operation, _meaning, body: self._effect(operation, "cancel", body, booking),
        )

    # -- payment ---------------------------------------------------------------------------------------------------------------------------

    def create_intent(self, booking: Appointment) -> Intent | None:
        """Announce a payment; ``None`` when that failed."""
        key = self._key("intent")
        request = dialect.create_intent(self.session.caller, booking.id, key)
        reply = self._call(request, answers.an_intent, self._paying("intent", booking, key))
        if not reply.meaning.good or not isinstance(reply.body, dict):
            return None
        return Intent(str(reply.body["payment_intent_id"]), _cents(reply.body, "amount"))

    def confirm(self, booking: Appointment, intent: Intent, submissions: int = 1) -> None:
        """Confirm an announced payment; further ``submissions`` use the same key."""
        key = self._key("pay")
        for attempt in range(1, submissions + 1):
            request = dialect.confirm(self.session.caller, booking.id, intent.id, key)
            self._call(request, effects=self._paying("capture", booking, key, intent.amount), attempt=attempt)

    # -- records ---------------------------------------------------------------------------------------------------------------------------

    def _key(self, prefix: str) -> str:
        return dialect.new_key(prefix, self.session.surroundings.tag, self.session.rng)

    def _created(self, slot: Slot, service: str, key: str) -> Effects:
        asked = Appointment(0, slot, service)

        def effects(operation: int, meaning: Meaning, body: Body) -> Effect:
            told = body if meaning.outcome is Outcome.OK else None
            # A key that the platform does not store identifies nothing: the judges use the slot then.
            kept = key if self.session.surroundings.conventions.keyed_bookings else None
            return self._effect(operation, "create", told, asked, key=kept, amount=_cents(told, "price"))

        return effects

    def _paying(self, action: str, booking: Appointment, key: str, amount: int | None = None) -> Effects:
        def effects(operation: int, meaning: Meaning, body: Body) -> Effect:
            told = body if meaning.outcome is Outcome.OK else None
            return self._effect(operation, action, None, booking, key=key, amount=_cents(told, "amount") or amount)

        return effects

    def _noted(self, operation: int, action: str, **more: Any) -> Effect:
        """An effect that concerns no booking."""
        session = self.session
        return Effect(operation, action, session.caller.franchise, session.shard, session=session.id, client=session.client, **more)

    def _id(self, told: Mapping[str, Any], name: str, otherwise: Id | None) -> Any:
        """An ID of an answer, as the platform states it: text gets its number where the records are converted."""
        value = told.get(name)
        return value if self._api.is_id(value) else otherwise or None

    def _effect(self, operation: int, action: str, body: Body, booking: Appointment, **more: Any) -> Effect:
        """An effect as answered if ``body`` states it, else as requested."""
        session, told = self.session, body if isinstance(body, dict) else {}
        return Effect(
            operation=operation,
            action=action,
            franchise=session.caller.franchise,
            shard=session.shard,
            booking=self._id(told, "id", booking.id),
            barber=self._id(told, "barber_id", booking.slot.barber),
            starts_at=answers.starts_at(told) or booking.slot.starts_at,
            minutes=_integer(told, "duration_minutes") or self._api.minutes[booking.service],
            version=_integer(told, "version"),
            session=session.id,
            client=str(told["client_id"]) if told.get("client_id") is not None else session.client,
            **more,
        )


def _shop_version(body: Body) -> int | None:
    return _integer(body, "version") if isinstance(body, dict) else None


def choose(slots: Sequence[Slot], session: Session) -> Slot | None:
    """A random free time; ``None`` when there is none."""
    return session.rng.choice(slots) if slots else None


def _integer(body: Mapping[str, Any], name: str) -> int | None:
    return answers.whole(body.get(name))


def _cents(body: Body, name: str) -> int | None:
    return answers.cents(body.get(name)) if isinstance(body, dict) else None
