"""Canaries: probes at a steady rate for every shard from every region, apart from the customers' traffic and in a separate process.

A probe books at a franchise that only canaries use, reads the booking back, and some probes cancel it later. Each has its own connection, client
address and greenlet: one that hangs times out after two seconds and delays no other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import gevent
import numpy as np

from closeshave.clock import now_ns
from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.transport import Answer, Request
from closeshave.operations import CANARY
from closeshave.plurals import counted
from closeshave.traffic import accounts, answers, canary_room, dialect, probes
from closeshave.traffic.accounts import Wallet
from closeshave.traffic.canary_slots import CanarySlots
from closeshave.traffic.generating import OpenModel
from closeshave.traffic.limits import CANARY_CANCELS_PER_S
from closeshave.traffic.load import Load, LoadRefused
from closeshave.traffic.openmodel import VisitSteps, Worker
from closeshave.traffic.probes import CanaryBarber
from closeshave.traffic.session import Session
from closeshave.traffic.steps import SessionSteps

TIMEOUT_S = 2.0
CANCEL_AFTER_S = 5.0
ACCOUNTS = 4
"""Accounts for each region: few, so that each is used often enough for its token to be renewed in time even if probes are rare."""
SETUP_PATIENCE_S = 60.0
ASKED_DAYS = 3
"""A barber who accepts bookings has a free time on one of so many days, or at one of so many times."""


class CanarySender:
    """Carries out a planned probe: a booking, its read and perhaps its cancel."""

    def __init__(self, load: Load, worker: Worker) -> None:
        self._load, self._engine = load, worker.engine
        self._conventions = worker.conventions
        self._wallet = Wallet(accounts.load(Path(load.tokens)), load.topology.regions, now_ns())
        self._probes = probes.schedule(load.topology, load.canaries, load.duration_s)
        # The run too: another run of the same seed on the same platform would find its slots taken.
        self._rng = random.Random(f"{load.seed}:{load.run_id}")  # noqa: S311 -- not a secret
        self._zone_untold = False
        self._slots = {shard.id: CanarySlots(self._free_slots(shard.id), worker.learnt) for shard in load.topology.shards}
        self.at_ns = np.array([probe.at_ns for probe in self._probes], dtype=np.int64)
        self._around = worker.surroundings()
        writes_per_s = len(self._probes) / len(load.topology.shards) / load.duration_s
        self._cancel_share = min(1.0, CANARY_CANCELS_PER_S / max(CANARY_CANCELS_PER_S, writes_per_s))

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Carry out the probe with this number."""
        probe = self._probes[number]
        franchise, slot = next(self._slots[probe.shard])
        session = self._session(f"canary-{number}", franchise, probe.region, due_ns)
        steps = SessionSteps(session, retries=False)
        try:
            booking = steps.book(slot, steps.usual_service)
            if booking is None:
                return
            steps.read_booking(booking)
            # Only after the probe, because its write must not wait for anything.
            steps.renew(self._wallet)
            if self._rng.random() < self._cancel_share:
                yield session.rest(CANCEL_AFTER_S)
                steps.cancel(booking)
        finally:
            session.transport.close()

    def _session(self, id: str, franchise: int, region: str, due_ns: int) -> Session:
        shard = self._load.topology.shard_of(franchise)
        assert shard is not None
        account = self._wallet.pick(shard.home, self._rng.randrange(ACCOUNTS), among=ACCOUNTS)
        caller = dialect.Caller(
            account.email, account.password, account.token, account.csrf, franchise, dialect.new_address(self._rng), account.client,
            self._conventions.api,
        )  # fmt: skip
        transport = EngineTransport(self._engine, self._load.edges[region], total_timeout_s=TIMEOUT_S)
        opened_ns = self._wallet.opened_ns(account.email)
        return Session(
            id, "canary", region, caller, account.client, transport, self._around, self._rng, due_ns, names=CANARY, opened_ns=opened_ns,
            wallet=self._wallet,
        )  # fmt: skip

    # -- before the start ------------------------------------------------------------------------------------------------------------------

    def _free_slots(self, shard: int) -> Iterator[tuple[int, dialect.Slot]]:
        """Slots for all probes of a shard. Raises :class:`LoadRefused` when its reserved franchises have too few, or show none."""
        load, barbers, days = self._load, list[CanaryBarber](), self._conventions.canary_days
        wanted = probes.needed(load.topology, load.canaries, load.duration_s, shard)
        ours = list(probes.franchises(self._load.topology, shard))
        self._rng.shuffle(ours)
        for franchise in ours:
            if probes.capacity(barbers, days) > wanted:
                break
            try:
                barbers += self._barbers(franchise, self._load.topology.shard(shard).home)
            except ValueError as error:
                raise LoadRefused(f"the canaries cannot book: {error}") from error
        capacity = probes.capacity(barbers, days)
        where = f"{counted(len(barbers), 'barber')} of {counted(len(ours), 'franchise')} on {counted(len(days), 'day')}"
        if said := canary_room.lacking(
            load.topology, load.canaries, load.duration_s, shard, capacity, where=where, rate_scale=load.rate_scale
        ):
            raise LoadRefused(f"{'.'.join(canary_room.KEY)} of the plan: {said}")
        found = probes.slots(barbers, datetime.now(UTC).date(), np.random.default_rng(self._rng.getrandbits(63)), days)
        assumed, merged = self._conventions.zone is None and self._zone_untold, not self._conventions.slots_by_barber
        return ((franchise, replace(slot, zone_assumed=assumed, merged=merged)) for franchise, slot in found)

    def _barbers(self, franchise: int, region: str) -> list[CanaryBarber]:
        account = self._wallet.pick(region, 0)
        api, address = self._conventions.api, dialect.new_address(self._rng)
        caller = dialect.Caller(account.email, "", account.token, account.csrf, franchise, address, account.client, api)
        listed = self._ask(region, dialect.barbers(caller))
        day = datetime.now(UTC).date() + timedelta(days=self._conventions.canary_days[0])
        when = self._ask(region, dialect.slots(caller, day, zone=self._conventions.zone))
        found = probes.canary_barbers(franchise, listed, when, self._conventions.idle_barbers, self._conventions.zone, api)
        self._zone_untold |= isinstance(when, dict) and when.get("timezone") is None and not api.lists_instants
        # If no barber seems to take bookings, the test shows nothing, and the load will find out.
        return [barber for barber in found if self._serves(region, caller, barber, answers.free_times(when, day, barber.zone))] or found

    def _serves(self, region: str, caller: dialect.Caller, barber: CanaryBarber, free: list[tuple[date, str]]) -> bool:
        """Whether a barber accepts bookings, as far as the platform shows it without a booking: some listed barbers are never free.

        If all customers share one address, the limit on lists is left to the load.
        """
        first = datetime.now(UTC).date() + timedelta(days=self._conventions.canary_days[0])
        if self._conventions.slots_by_barber and self._conventions.one_address is None:
            asked = [(day, dialect.slots(caller, day, barber.barber, barber.zone)) for day in _days(first)]
            return any(answers.free_times(self._once(region, request), day, barber.zone) for day, request in asked)
        if "check_barber" not in self._conventions.api.offers:
            return True
        told = [
            self._once(region, dialect.check_barber(caller, barber.barber, day, at[:5], dialect.later(at, 15), barber.zone))
            for day, at in free[:ASKED_DAYS]
        ]
        said = [each["is_available"] for each in told if isinstance(each, dict) and "is_available" in each]
        return not said or any(said)

    def _once(self, region: str, request: Request) -> answers.Body:
        """A request of the setup that may fail."""
        transport = EngineTransport(self._engine, self._load.edges[region])
        try:
            answer = transport.send(self._conventions.apply(request))
            return self._told(request, answer) if answer.status == 200 else None
        finally:
            transport.close()

    def _told(self, request: Request, answer: Answer) -> answers.Body:
        told: answers.Body = self._conventions.api.told(request.kind, answers.parse(answer.body))
        return told

    def _ask(self, region: str, request: Request) -> answers.Body:
        """A request of the setup, which is not counted."""
        transport = EngineTransport(self._engine, self._load.edges[region])
        deadline_ns = now_ns() + int(SETUP_PATIENCE_S * 1e9)
        try:
            while True:
                answer = transport.send(self._conventions.apply(request))
                if answer.status == 200:
                    return self._told(request, answer)
                gevent.sleep(0.1)
                if now_ns() > deadline_ns:
                    raise ValueError(f"{request.path} answers {answer.failure or answer.status} at {self._load.edges[region]}")
        finally:
            transport.close()


def _days(first: date) -> list[date]:
    return [first + timedelta(days=ahead) for ahead in range(ASKED_DAYS)]


class CanaryModel(OpenModel):
    """The canaries' generator."""

    kind = "canary"
    senders = CanarySender
