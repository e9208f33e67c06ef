"""Customers in the open model: ``locust -f scenarios/booking.py,…/customers.py OpenModel``, with ``CLOSESHAVE_LOAD`` naming ``load.json``.

Every :class:`BookingUser` of the scenario takes part; Locust itself spawns only the user below, which runs them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np

from closeshave.clock import now_ns
from closeshave.loadgen.carrier import EngineTransport
from closeshave.traffic import accounts, dialect
from closeshave.traffic.accounts import Wallet
from closeshave.traffic.generating import OpenModel
from closeshave.traffic.journeys import BookingUser
from closeshave.traffic.known_profiles import read_profile
from closeshave.traffic.limits import LOGINS_PER_S
from closeshave.traffic.load import Load
from closeshave.traffic.openmodel import VisitSteps, Worker
from closeshave.traffic.session import Session
from closeshave.traffic.visits import Visits, login_share, plan_visits


class CustomerSender:
    """Carries out planned visits: each row becomes a customer."""

    def __init__(self, load: Load, worker: Worker) -> None:
        self._load, self._worker = load, worker
        # All workers plan all visits, the same, and each carries out those that are dealt to it.
        self._visits: Visits = plan_visits(load, read_profile(load.traffic.profile).factor)
        self.at_ns = self._visits.at_ns
        self._wallet = Wallet(accounts.load(Path(load.tokens)), load.topology.regions, now_ns())
        self._around = worker.surroundings()
        # A scenario needs no class for contests if the plan has none.
        asked = (False, True) if load.traffic.contests_per_s else (False,)
        self._kinds = {contest: _kinds(contest=contest) for contest in asked}
        for kind in (each for kinds in self._kinds.values() for each in kinds):
            kind.think_time_scale = load.traffic.think_time_scale
            kind.login_share = login_share(load, kind.profiles_per_visit, LOGINS_PER_S)

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Carry out the visit of this row."""
        rng = random.Random(int(self._visits.seed[number]))  # noqa: S311 -- a customer's chance, not a secret
        contest = bool(self._visits.contest[number])
        self._worker.learnt.contests += contest
        kinds = self._kinds[contest]
        kind = rng.choices(kinds, [kind.weight for kind in kinds])[0]
        session = self._session(number, due_ns, kind.__name__.lower(), rng)
        customer = kind(self._worker.environment, session, self._companions(number, due_ns, kind.__name__.lower(), rng))
        # At least one task, on average as many as the class says.
        tasks = 1 + int(np.random.default_rng(int(self._visits.seed[number])).poisson(max(0.0, kind.tasks_per_visit - 1)))
        customer.steps.renew(self._wallet)
        yield from customer.visit(tasks)

    def _companions(self, row: int, due_ns: int, journey: str, rng: random.Random) -> Callable[[], Session]:
        def companion() -> Session:
            own = random.Random(rng.getrandbits(64))  # noqa: S311 -- as above
            return self._session(row, due_ns, journey, own, companion=1)

        return companion

    def _session(self, row: int, due_ns: int, journey: str, rng: random.Random, companion: int = 0) -> Session:
        regions = self._load.topology.regions
        home, entered = regions[self._visits.home[row]], regions[self._visits.entered[row]]
        account = self._wallet.pick(home, int(self._visits.account[row]) + companion)
        # By the run too: another run of the same seed within the hour would find its customers' limits used up.
        whence = random.Random(f"{self._load.run_id}:{row}:{companion}")  # noqa: S311 -- as above
        caller = dialect.Caller(
            account.email, account.password, account.token, account.csrf, int(self._visits.franchise[row]), dialect.new_address(whence),
            account.client, self._worker.conventions.api,
        )  # fmt: skip
        return Session(
            id=f"{row}{'b' if companion else ''}",
            journey=journey,
            region=entered,
            caller=caller,
            client=account.client,
            transport=EngineTransport(self._worker.engine, self._load.edges[entered]),
            surroundings=self._around,
            rng=rng,
            due_ns=due_ns,
            arrival=row,
            opened_ns=self._wallet.opened_ns(account.email),
            wallet=self._wallet,
        )


def _kinds(*, contest: bool) -> list[type[BookingUser]]:
    """The scenario's classes of customers for contests, or for normal visits. Raises :class:`ValueError` when it has none."""
    found = BookingUser.kinds(contest=contest)
    if not found:
        raise ValueError(f"the scenario has no BookingUser with contest = {contest}")
    return found


class CustomerModel(OpenModel):
    """The customers' generator."""

    kind = "customers"
    senders = CustomerSender
