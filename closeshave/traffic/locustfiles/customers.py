"""Customers in the open model: ``locust -f scenarios/booking.py,…/customers.py OpenModel``, with ``CLOSESHAVE_LOAD`` naming ``load.json``.

Every class of the scenario that is a :class:`BookingUser` takes part; Locust itself spawns only the one user below, which drives them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from locust import User, task
from locust.env import Environment

from closeshave.clock import now_ns
from closeshave.history import Source
from closeshave.traffic import accounts, dialect
from closeshave.traffic.accounts import Wallet
from closeshave.traffic.fasthttp import FastHttpTransport
from closeshave.traffic.journeys import BookingUser, statistics
from closeshave.traffic.load import Load
from closeshave.traffic.openmodel import Engine, drive
from closeshave.traffic.profiles import read_profile
from closeshave.traffic.recorder import Recorder
from closeshave.traffic.session import Session, Surroundings, Window
from closeshave.traffic.visits import Visits, login_share, plan_visits

LOGINS_PER_S = 1.0
"""Log-ins within the window, at the highest rate of the plan: a password hash is slow by design, and two cores carry everything."""
WORKER = 1
"""Number of the one worker; canaries have another."""


class OpenModel(User):
    """The one user that Locust spawns: it starts a customer for every arrival."""

    fixed_count = 1

    @task
    def drive(self) -> None:
        """Run the whole load, then end Locust."""
        drive(self.environment, Customers)


class Customers:
    """Turns a row of the planned visits into a customer at work."""

    def __init__(self, load: Load, environment: Environment) -> None:
        self._load, self._environment = load, environment
        run = Path(load.run)
        self._visits: Visits = plan_visits(load, read_profile(load.traffic.profile).factor)
        self._wallet = Wallet(accounts.load(Path(load.tokens)), load.topology.regions, now_ns())
        window = Window(requests=load.requests)
        recorder = Recorder(run, Source.CUSTOMERS, f"customers-{WORKER}", WORKER)
        self.engine = Engine(run, "customers", self._visits.at_ns, load.duration_s, window, recorder)
        self._around = Surroundings(
            Source.CUSTOMERS, load.topology, load.tag, window, recorder, statistics(environment), self.engine.alarm.sleep_until, time.time
        )
        self._kinds = {contest: _kinds(contest=contest) for contest in (False, True)}
        for kind in self._kinds[False] + self._kinds[True]:
            kind.think_time_scale = load.traffic.think_time_scale
            kind.login_share = login_share(load, kind.profiles_per_visit, LOGINS_PER_S)

    def begin(self, index: int, due_ns: int) -> None:
        """Carry out the visit of this row."""
        rng = random.Random(int(self._visits.seed[index]))  # noqa: S311 -- a customer's chance, not a secret
        contest = bool(self._visits.contest[index])
        kinds = self._kinds[contest]
        kind = rng.choices(kinds, [kind.weight for kind in kinds])[0]
        session = self._session(index, due_ns, kind.__name__.lower(), rng)
        customer = kind(self._environment, session, self._companions(index, due_ns, kind.__name__.lower(), rng))
        # At least one task, on average as many as the class says.
        tasks = 1 + int(np.random.default_rng(int(self._visits.seed[index])).poisson(max(0.0, kind.tasks_per_visit - 1)))
        customer.steps.renew(self._wallet)
        customer.visit(tasks)

    def _companions(self, index: int, due_ns: int, journey: str, rng: random.Random) -> Callable[[], Session]:
        def companion() -> Session:
            own = random.Random(rng.getrandbits(64))  # noqa: S311 -- as above
            return self._session(index, due_ns, journey, own, companion=1)

        return companion

    def _session(self, index: int, due_ns: int, journey: str, rng: random.Random, companion: int = 0) -> Session:
        regions = self._load.topology.regions
        home, entered = regions[self._visits.home[index]], regions[self._visits.entered[index]]
        account = self._wallet.pick(home, int(self._visits.account[index]) + companion)
        caller = dialect.Caller(
            account.email, account.password, account.token, account.csrf, int(self._visits.franchise[index]), dialect.new_address(rng)
        )
        return Session(
            id=f"{index}{'b' if companion else ''}",
            journey=journey,
            region=entered,
            caller=caller,
            client=account.client,
            transport=FastHttpTransport(self._load.edges[entered]),
            surroundings=self._around,
            rng=rng,
            due_ns=due_ns,
        )


def _kinds(*, contest: bool) -> list[type[BookingUser]]:
    """The scenario's classes of customers of this sort. Raises :class:`ValueError` when it has none."""
    found = [kind for kind in BookingUser.__subclasses__() if not kind.abstract and kind.contest is contest]
    if not found:
        raise ValueError(f"the scenario has no BookingUser with contest = {contest}")
    return found
