"""Locust user classes on the engine: closed, open, partly open, and crowds. Their tasks are written like other Locust tasks.

* :class:`EngineUser`, closed: each user does one task after the other, as Locust's own users do.
* :class:`OpenUser`, open: each arrival of a rate does one task, however many others are not finished. A task that is a generator makes it partly
  open: after ``yield 12.5`` the session thinks for so many seconds without a greenlet, and its next step is due at the end of them.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Generator, Mapping
from inspect import isclass, isgenerator
from typing import Any, ClassVar, TypeVar, cast

import gevent
import numpy as np
from gevent.event import Event
from gevent.pool import Pool
from locust import User, events
from locust.env import Environment
from locust.exception import LocustError, StopUser
from locust.runners import MasterRunner
from locust.user.task import LOCUST_STATE_STOPPING

from closeshave.loadgen.client import Client, Timeouts
from closeshave.loadgen.customers import Customers
from closeshave.loadgen.rates import ArrivalRate, Instants, poisson, share
from closeshave.loadgen.scheduler import Arrivals, Scheduler
from closeshave.loadgen.worker import engine_of, place_of, run_until_stopped, start_ns_of, tell_done

UserSteps = Generator[float, None, None]
"""A task of a partly-open user: yields think times in seconds."""


class _WithClient(User):
    abstract = True

    own_connections: ClassVar[bool] = False
    """Whether each user has its own connections, like a browser, or all users of a worker share them."""
    default_headers: ClassVar[Mapping[str, str]] = {}
    timeouts: ClassVar[Timeouts] = Timeouts()
    traces: ClassVar[bool] = False
    """Whether to record what the platform reports in headers (region, cache, timings)."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client: Client = engine_of(environment).client(
            self.base_url(environment),
            own_connections=self.own_connections,
            headers=self.default_headers,
            timeouts=self.timeouts,
            traces=self.traces,
        )

    @classmethod
    def base_url(cls, environment: Environment) -> str:
        """The URL of the host. Raises :class:`locust.exception.LocustError` when none is set."""
        host = cls.host or environment.host
        if host is None:
            raise LocustError("no host: set it on the user class or with --host")
        return host


class EngineUser(_WithClient):
    """A closed-model user: ``class Customer(EngineUser)`` with tasks that call ``self.client``."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not any(isclass(task) for task in self.tasks):
            # Locust's own loop costs a quarter of a small request; nested task sets need it, plain tasks do not.
            self._plain_tasks = cast("list[Callable[[Any], Any]]", list(self.tasks))
            self.tasks = [EngineUser._work]

    def _work(self) -> None:
        """Do task after task, as Locust's own loop does: Locust handles exceptions of a task, and then calls this again."""
        tasks, count, random_ = self._plain_tasks, len(self._plain_tasks), random.random
        thinks = type(self).wait_time is not User.wait_time
        while self._state != LOCUST_STATE_STOPPING:
            tasks[int(random_() * count)](self)
            if thinks:
                self.wait()
        raise StopUser

    def wait(self) -> None:
        """Think between tasks. A user without think time goes on at once, because every request lets other greenlets run."""
        pause_s = self.wait_time()
        if pause_s > 0:
            gevent.sleep(pause_s)


class _DrivenUser(_WithClient):
    """A population whose share each worker carries out by itself; Locust's own instances only represent it."""

    abstract = True

    duration_s: ClassVar[float] = 60.0
    seed: ClassVar[int] = 1
    crew: ClassVar[int] = 2000
    """The most customers or sessions with a request in flight at once; above that, they are late, which the records show."""
    warm: ClassVar[int] = 100
    """How many greenlets of the crew and shared connections are prepared before the start."""
    grace_s: ClassVar[float] = 60.0
    """How many seconds after the last arrival, or the end, unfinished sessions may go on."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # The tasks are for the customers of the population.
        self.tasks = [_stand_by]


class OpenUser(_DrivenUser):
    """An open-model population. Every worker carries out its share of the arrivals, whatever number of users Locust spawns: ``-u 1`` is enough.

    Set :attr:`rate` and :attr:`duration_s`, or override :meth:`arrivals`.
    """

    abstract = True

    rate: ClassVar[ArrivalRate]

    @classmethod
    def arrivals(cls) -> Instants:
        """All arrivals of the test, in nanoseconds after its start; the same in every worker and for the same seed."""
        return poisson(cls.rate, cls.duration_s, np.random.default_rng(cls.seed))


class CrowdUser(_DrivenUser):
    """A closed population that is too large for one greenlet each: thinking customers are rows in arrays, and use a greenlet only for :meth:`step`.

    Override :meth:`step`: one customer's next request or two. Every worker carries out its share of the customers; ``-u 1`` is enough.
    """

    abstract = True

    customers: ClassVar[int] = 1_000_000
    think_mean_s: ClassVar[float] = 100.0
    """Mean think time between two steps in seconds, Erlang-distributed of order two."""

    def step(self, customer: int, state: int) -> int:
        """Carry out the customer's next requests with :attr:`client`; returns the state (0–255) for the think time afterwards."""
        raise NotImplementedError


def _stand_by(_user: User) -> None:
    Event().wait()


_CONNECTING = 100
"""How many customers with their own connections connect at the same time before the start."""

_Population = TypeVar("_Population", OpenUser, CrowdUser)


def _made_ready(population: type[_Population], environment: Environment, count: int) -> list[_Population]:
    """Prepare the first customers and connections, and exclude all existing objects from garbage collection."""
    visitors = [population(environment) for _ in range(count)]
    if population.own_connections:
        Pool(_CONNECTING).map(lambda visitor: visitor.client.connect(), visitors)
    else:
        engine_of(environment).warm(population.base_url(environment), len(visitors))
    gc.collect()
    gc.freeze()
    return visitors


def drive(population: type[OpenUser], environment: Environment) -> None:
    """Carry out this worker's share of a population's arrivals: begin all, and wait until they end or until the grace time is over."""
    engine, place = engine_of(environment), place_of(environment)
    arrivals = share(population.arrivals(), place.index, place.count)
    visitors = _made_ready(population, environment, min(population.warm, population.crew))
    start_ns = start_ns_of(environment)
    agenda = Arrivals(arrivals, start_ns)
    visits = _Visits(population, environment, agenda, visitors)
    scheduler = Scheduler(engine.loop, agenda, visits.serve, population.crew, visits.report)
    try:
        scheduler.run(start_ns + int((population.duration_s + population.grace_s) * 1e9))
    finally:
        engine.records.counters.intended += agenda.begun + agenda.overdue(time.monotonic_ns())


def drive_crowd(population: type[CrowdUser], environment: Environment) -> None:
    """Carry out this worker's share of a crowd: the customers whose number modulo the number of workers is its index."""
    engine, place = engine_of(environment), place_of(environment)
    count = len(range(place.index, population.customers, place.count))
    rng = np.random.default_rng((population.seed, place.index))
    # Customers with their own connections are all made ready: the server sees each as a different peer.
    visitors = _made_ready(population, environment, count if population.own_connections else min(population.warm, population.crew))
    start_ns = start_ns_of(environment)
    until_ns = start_ns + int(population.duration_s * 1e9)
    agenda = Customers(count, start_ns, population.think_mean_s, rng, until_ns)
    crowd = _Crowd(population, environment, agenda, visitors)
    scheduler = Scheduler(engine.loop, agenda, crowd.serve, population.crew, crowd.report)
    try:
        scheduler.run(until_ns + int(population.grace_s * 1e9))
    finally:
        engine.records.counters.intended += crowd.served + agenda.overdue(time.monotonic_ns())


class _Crowd:
    """Calls the customers' steps. They share the crew's clients, or have one each if they need their own connections."""

    def __init__(self, population: type[CrowdUser], environment: Environment, agenda: Customers, visitors: list[CrowdUser]) -> None:
        self._population, self._environment, self._agenda = population, environment, agenda
        self._place = place_of(environment)
        self._own = visitors if population.own_connections else None
        self._free = [] if population.own_connections else visitors
        self.served = 0

    def serve(self, intended_ns: int, row: int) -> None:
        """One customer's step, and its next think time."""
        self.served += 1
        agenda = self._agenda
        customer = row * self._place.count + self._place.index
        visitor = self._visitor(row)
        visitor.client.customer = customer
        visitor.client.intended_ns = intended_ns
        try:
            agenda.state[row] = visitor.step(customer, agenda.state[row])
        finally:
            visitor.client.intended_ns = 0
            if self._own is None:
                self._free.append(visitor)
            agenda.think(row, time.monotonic_ns())

    def report(self, error: Exception) -> None:
        """Handle an exception of a step: fire Locust's own event, and go on."""
        _fire_user_error(self._environment, self._population, error)

    def _visitor(self, row: int) -> CrowdUser:
        if self._own is not None:
            return self._own[row]
        return self._free.pop() if self._free else self._population(self._environment)


class _Visits:
    """Runs a task for each arrival on an instance of the user class, which the next arrival uses again with an empty cookie jar."""

    def __init__(self, population: type[OpenUser], environment: Environment, agenda: Arrivals, visitors: list[OpenUser]) -> None:
        self._population, self._environment, self._agenda = population, environment, agenda
        self._free = visitors
        self._tasks = cast("list[Callable[[Any], Any]]", list(population.tasks))
        self._rng = random.Random(population.seed)  # noqa: S311 - chooses tasks, keeps no secrets

    def serve(self, intended_ns: int, session: tuple[OpenUser, UserSteps] | None) -> None:
        """Begin a session, or continue a parked one."""
        if session is None:
            visitor = self._free.pop() if self._free else self._population(self._environment)
            visitor.client.intended_ns = intended_ns
            steps = self._rng.choice(self._tasks)(visitor)
            if not isgenerator(steps):
                self._recycle(visitor)
                return
        else:
            visitor, steps = session
            visitor.client.intended_ns = intended_ns
        self._step(visitor, steps)

    def report(self, error: Exception) -> None:
        """Handle an exception of a task: fire Locust's own event, and go on."""
        _fire_user_error(self._environment, self._population, error)

    def _step(self, visitor: OpenUser, steps: UserSteps) -> None:
        try:
            think_s = next(steps)
        except StopIteration:
            self._recycle(visitor)
        else:
            self._agenda.park((visitor, steps), time.monotonic_ns() + int(think_s * 1e9))

    def _recycle(self, visitor: OpenUser) -> None:
        visitor.client.cookies.clear()
        visitor.client.intended_ns = 0
        self._free.append(visitor)


def _fire_user_error(environment: Environment, population: type[User], error: Exception) -> None:
    fire: Callable[..., None] = environment.events.user_error.fire
    fire(user_instance=population, exception=error, tb=error.__traceback__)


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust's events carry no types
def _start_drives(environment: Environment, **_: Any) -> None:
    if isinstance(environment.runner, MasterRunner):
        return
    drives = [gevent.spawn(drive, each, environment) for each in environment.user_classes if issubclass(each, OpenUser)]
    drives += [gevent.spawn(drive_crowd, each, environment) for each in environment.user_classes if issubclass(each, CrowdUser)]
    if drives:
        run_until_stopped(environment, gevent.spawn(_see_through, drives, environment))
        for each in drives:
            run_until_stopped(environment, each)


def _see_through(drives: list[gevent.Greenlet[..., Any]], environment: Environment) -> None:
    gevent.joinall(drives, raise_error=True)
    tell_done(environment)
