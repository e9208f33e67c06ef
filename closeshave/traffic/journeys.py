"""The Locust user for booking journeys: tasks and wait times as in Locust, steps of the booking API as methods.

For Locust processes only. Under ``locust -f`` such a user registers itself as a new client and works in Locust's closed model. The harness runs the
same class in the open model: a visit for each computed arrival, with an account that was logged in before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import gevent
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from closeshave.api import known
from closeshave.api.spoken import SpokenApi, spoken
from closeshave.clock import now_ns
from closeshave.deployment import Capabilities
from closeshave.history import Source
from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.engine import Engine
from closeshave.loadgen.sleep import sleep_until
from closeshave.loadgen.worker import engine_of
from closeshave.topology import Shard, Topology
from closeshave.traffic import answers, conventions, dialect, hosts
from closeshave.traffic.recorder import EngineRecorder
from closeshave.traffic.session import Over, Session, Surroundings, Window
from closeshave.traffic.steps import SessionSteps

_LOG = logging.getLogger(__name__)

FRANCHISES = 100_000
API_VARIABLE = "CLOSESHAVE_API"
"""Names the API profile under plain Locust; BookedBarber V2 without it."""


class BookingUser(User):
    """A customer of the booking platform. Subclasses add Locust tasks that call ``self.steps``, and pause with ``self.think()``."""

    abstract = True
    contest: ClassVar[bool] = False
    """Whether the harness starts it as a contest of two customers, and not as a normal visit."""
    tasks_per_visit: ClassVar[float] = 1.0
    """Mean number of tasks that a customer of the open model does before leaving."""
    profiles_per_visit: ClassVar[float] = 1.0
    """Mean number of profile requests among them."""
    login_share: float = 0.1
    """Share of the profile requests that begin with a log-in."""
    think_time_scale: float = 1.0

    @classmethod
    def kinds(cls, *, contest: bool) -> list[type[BookingUser]]:
        """The classes of customers for contests, or for normal visits: all that are not abstract, also those that inherit from another one."""
        found = [kind for each in cls.__subclasses__() for kind in (each, *each.kinds(contest=contest))]
        return [kind for kind in dict.fromkeys(found) if not kind.abstract and kind.contest is contest]

    def __init__(self, environment: Environment, session: Session | None = None, companion: Callable[[], Session] | None = None) -> None:
        """Plain Locust passes only the environment; the harness also passes the session, and a function that makes another one for a rival."""
        super().__init__(environment)
        self.session: Session = session or self._visitor()
        self.steps = SessionSteps(self.session)
        self._companion = companion

    @property
    def rng(self) -> random.Random:
        """The customer's own random numbers: the same in every run with the same seed."""
        return self.session.rng

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def think(self) -> None:
        """Pause within a task, as long as between two tasks."""
        self.session.wait(self.thinking_s())

    def thinking_s(self) -> float:
        """The length of the next pause in seconds, from the class's Locust ``wait_time``."""
        return float(self.wait_time())

    def rival(self) -> Self:
        """Another customer of the same franchise, due at the same time as this one."""
        other = type(self)(self.environment, self._companion() if self._companion else None)
        if self._companion is None:
            other.on_start()
        other.session.caller = other.session.caller.at(self.session.caller.franchise)
        other.session.due_ns = self.session.due_ns
        return other

    def wait_for(self, other: Self) -> None:
        """Make this customer's next step due after the other's last answer."""
        self.session.due_ns = max(self.session.due_ns, other.session.due_ns)

    def compete(self, rival: Self, act: Callable[[Self], None]) -> None:
        """Both customers call ``act`` at the same instant, each with its own session; returns when both have an answer."""
        rival.session.due_ns = self.session.due_ns
        self.session.surroundings.learnt.held += 1
        other = gevent.spawn(rival.try_to, act)
        try:
            self.try_to(act)
        finally:
            other.join()
            rival.session.transport.close()

    def try_to(self, act: Callable[[Self], None]) -> None:
        """Call ``act``, unless the load ends before it is due."""
        with contextlib.suppress(Over):
            act(self)

    def visit(self, tasks: int) -> Iterator[int]:
        """The visit in the open model: so many tasks by their weights. Yields the instants until which it pauses in between, without a greenlet.

        Raises :class:`Over` at the load's end.
        """
        try:
            for index in range(tasks):
                if index:
                    yield self.session.rest(self.thinking_s())
                act: Any = self.rng.choice(type(self).tasks)
                act(self)
        finally:
            self.session.transport.close()

    def on_start(self) -> None:
        """Under plain Locust: register with the platform. Stops this user when the platform refuses, or registers nobody."""
        if "register" not in self.session.caller.api.offers:
            _LOG.error("the API profile has no operations.register: run this scenario with closeshave run and a file of accounts")
            raise StopUser
        reply = self.session.call(dialect.register(self.session.caller), answers.a_token)
        if not reply.meaning.good or not isinstance(reply.body, dict):
            raise StopUser
        self.session.caller = self.session.caller.admitted(str(reply.body["access_token"]))

    def on_stop(self) -> None:
        """Under plain Locust: close the connections."""
        self.session.transport.close()

    def _visitor(self) -> Session:
        if reason := hosts.refusal(str(self.host), hosts.named()):
            _LOG.error(reason)
            self.environment.process_exit_code = 2
            if self.environment.runner is not None:
                gevent.spawn(self.environment.runner.quit)
            raise StopUser(reason)
        api = _api()
        rng = random.Random(secrets.randbits(64))  # noqa: S311 -- a customer's chance, not a secret
        name = f"closeshave-{secrets.token_hex(6)}@example.com"
        password, franchise = secrets.token_urlsafe(12) + "aA1!", rng.randint(1, FRANCHISES)
        caller = dialect.Caller(name, password, "", secrets.token_hex(8), franchise, dialect.new_address(rng), api=api)
        topology = Topology(("edge",), (Shard(1, 1, FRANCHISES, "edge", "edge"),))
        engine = engine_of(self.environment)
        asleep = partial(sleep_until, engine.loop)
        spoken_here = conventions.of(Capabilities(), topology, api=api)
        around = Surroundings(
            Source.CUSTOMERS,
            topology,
            "closeshave:locust",
            Window(),
            _recorder(engine),
            asleep,
            time.time,
            spoken_here,
            spoken_here.learnt(),
        )
        return Session(
            name,
            type(self).__name__.lower(),
            "edge",
            caller,
            None,
            EngineTransport(engine, str(self.host)),
            around,
            rng,
            now_ns(),
            open_model=False,
        )


@cache
def _api() -> SpokenApi:
    """Of all users of this process. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    return spoken(known.named(os.environ.get(API_VARIABLE, known.SHIPPED)))


def _recorder(engine: Engine) -> EngineRecorder:
    """The recorder of a Locust process, which all its users share."""
    recorder = _recorders.get(engine)
    if recorder is None:
        recorder = _recorders[engine] = EngineRecorder(engine.records)
    return recorder


_recorders: WeakKeyDictionary[Engine, EngineRecorder] = WeakKeyDictionary()


def thinking(mean_s: float) -> Callable[[Any], float]:
    """A Locust ``wait_time``: exponentially distributed with this mean in seconds, times the plan's scale."""
    return lambda user: user.rng.expovariate(1 / mean_s) * user.think_time_scale
