"""The state of the plain platform: people, slots, bookings, payments. One lock, one process, nothing on disk."""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from truth.plain.defects import Defect, Planted

ADMINISTRATOR = 900
"""A person who is listed among the barbers but has no hours."""
MINUTES = {"Haircut": 30, "Shave": 20, "Haircut & Shave": 45}
PRICES = {"Haircut": 30.0, "Shave": 20.0, "Haircut & Shave": 45.0}
OPENS, CLOSES, STEP = time(9), time(17), timedelta(minutes=30)
ACCESS_S = 15 * 60.0


class Refusal(Exception):
    """A refusal with its status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass
class Person:
    """An account."""

    id: int
    email: str
    password: str
    role: str = "client"


@dataclass
class Booking:
    """An appointment; ``starts`` is UTC."""

    id: int
    client: int | None
    barber: int
    service: str
    starts: datetime
    notes: str | None
    made: datetime
    status: str = "scheduled"
    guest: dict[str, str] = field(default_factory=dict)

    @property
    def ends(self) -> datetime:
        """When the barber is free again."""
        return self.starts + timedelta(minutes=MINUTES[self.service])


@dataclass
class Payment:
    """A payment that was announced and perhaps captured: a row of the platform's list of payments."""

    id: int
    intent: str
    booking: int
    client: int
    cents: int
    made: datetime
    taken: bool = False


@dataclass(frozen=True)
class Capture:
    """A charge in the provider's own ledger."""

    id: str
    intent: str
    booking: int
    cents: int
    at: datetime


class Shop:
    """The platform's state."""

    def __init__(self, barbers: int, zone: str, planted: Planted) -> None:
        self.lock = threading.RLock()
        self.zone, self.planted = ZoneInfo(zone), planted
        self.barbers = [Person(index, f"barber{index}@plain.test", "", "barber") for index in range(1, barbers + 1)]
        self.people: dict[str, Person] = {}
        self._by_id: dict[int, Person] = {}
        self.tokens: dict[str, tuple[int, datetime]] = {}
        self.refreshers: dict[str, int] = {}
        self.bookings: dict[int, Booking] = {}
        self.payments: dict[str, Payment] = {}
        self.ledger: list[Capture] = []
        self.keys: dict[str, dict[str, object]] = {}
        self._ids = count(1)
        self._by_chair: dict[tuple[int, date], list[Booking]] = {}

    # -- people --------------------------------------------------------------------------------------------------------------------------

    def register(self, email: str, password: str, role: str = "client") -> Person:
        """A new account."""
        if email in self.people:
            raise Refusal(400, "Email already registered")
        person = Person(1000 + len(self.people), email, password, role)
        self.people[email] = self._by_id[person.id] = person
        return person

    def tokens_for(self, person: int, now: datetime) -> dict[str, str]:
        """A new pair of tokens."""
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens[access] = (person, now + timedelta(seconds=ACCESS_S))
        self.refreshers[refresh] = person
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}

    def bearer(self, token: str, now: datetime) -> Person:
        """The user of a token."""
        person, until = self.tokens.get(token, (0, now))
        if until <= now:
            raise Refusal(401, "Could not validate credentials")
        return self._by_id[person]

    # -- chairs --------------------------------------------------------------------------------------------------------------------------

    def free(self, day: date, barber: int | None, now: datetime) -> list[str]:
        """Local times at which one barber, or any, is free for half an hour."""
        chairs = [barber] if barber is not None else [person.id for person in self.barbers]
        return [
            at.astimezone(self.zone).strftime("%H:%M")
            for at in _opening(day, self.zone)
            if at > now + timedelta(minutes=15) and any(self._is_free(chair, at, at + STEP) for chair in chairs)
        ]

    def book(self, client: int | None, day: date, at: time, service: str, barber: int | None, notes: str | None, now: datetime) -> Booking:
        """Book a slot. Kinds of conflicts differ only in their message."""
        if service not in MINUTES:
            raise Refusal(400, f"Invalid service: {service}")
        starts = datetime.combine(day, at, self.zone).astimezone(UTC)
        ends = starts + timedelta(minutes=MINUTES[service])
        if not (now + timedelta(minutes=15) < starts < now + timedelta(days=31)) or not OPENS <= at < CLOSES:
            raise Refusal(400, f"Barber is not available at {at:%H:%M} on {day}")
        everybody = [person.id for person in self.barbers]
        chairs = everybody if barber is None else [barber]
        taken = "This time slot is already booked" if barber is None else f"Barber is not available at {at:%H:%M} on {day}"
        if barber is not None and barber not in everybody:
            raise Refusal(400, taken)
        number, chair = next(self._ids), next((chair for chair in chairs if self._is_free(chair, starts, ends)), None)
        if chair is None and self.planted.strikes(Defect.DOUBLE_BOOKING, number):
            chair = chairs[0]
        elif chair is not None and self.planted.strikes(Defect.REFUSED_THOUGH_FREE, int(starts.timestamp())):
            chair = None
        if chair is None:
            raise Refusal(400, taken)
        booking = Booking(number, client, chair, service, starts, notes, now)
        if not self.planted.strikes(Defect.LOST_BOOKING, number):
            self.bookings[booking.id] = booking
            self._by_chair.setdefault((chair, self._day(starts)), []).append(booking)
        return booking

    def is_free(self, barber: int, day: date, starts: time, ends: time) -> bool:
        """Whether the barber is free for the whole time; a person without hours never is."""
        first, last = (datetime.combine(day, at, self.zone).astimezone(UTC) for at in (starts, ends))
        return barber in {person.id for person in self.barbers} and OPENS <= starts < CLOSES and self._is_free(barber, first, last)

    def move(self, booking: Booking, day: date, at: time) -> None:
        """Move to another time with the same barber."""
        starts = datetime.combine(day, at, self.zone).astimezone(UTC)
        ends = starts + timedelta(minutes=MINUTES[booking.service])
        if not self._is_free(booking.barber, starts, ends, but=booking.id):
            raise Refusal(400, "This barber already has an appointment at that time")
        self._by_chair[booking.barber, self._day(booking.starts)].remove(booking)
        booking.starts = starts
        self._by_chair.setdefault((booking.barber, self._day(starts)), []).append(booking)

    def _day(self, at: datetime) -> date:
        """The day in the business's zone: opening hours never cross its midnight."""
        return at.astimezone(self.zone).date()

    # -- money ---------------------------------------------------------------------------------------------------------------------------

    def announce(self, booking: Booking, client: int, now: datetime) -> Payment:
        """Create a payment intent."""
        payment = Payment(len(self.payments) + 1, f"pi_{uuid.uuid4().hex}", booking.id, client, round(PRICES[booking.service] * 100), now)
        self.payments[payment.intent] = payment
        return payment

    def take(self, intent: str, booking: int, now: datetime) -> Payment:
        """Capture a payment, once even if it is confirmed several times."""
        payment = self.payments.get(intent)
        if payment is None or payment.booking != booking:
            raise Refusal(404, "Booking not found")
        if payment.taken:
            return payment
        self._capture(payment, now)
        if self.planted.strikes(Defect.DOUBLE_CHARGE, booking):
            again = Payment(len(self.payments) + 1, f"pi_{uuid.uuid4().hex}", booking, payment.client, payment.cents, now)
            self.payments[again.intent] = again
            self._capture(again, now)
        return payment

    def _capture(self, payment: Payment, now: datetime) -> None:
        payment.taken = True
        self.ledger.append(Capture(f"ch_{uuid.uuid4().hex}", payment.intent, payment.booking, payment.cents, now))

    def _is_free(self, barber: int, starts: datetime, ends: datetime, but: int = 0) -> bool:
        return not any(
            other.starts < ends and starts < other.ends
            for other in self._by_chair.get((barber, self._day(starts)), ())
            if other.status != "cancelled" and other.id != but
        )


def _opening(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """The starts of a day's slots, in UTC."""
    at = datetime.combine(day, OPENS, zone)
    while at.time() < CLOSES:
        yield at.astimezone(UTC)
        at += STEP
