"""The Locust user that booking journeys are written on: tasks and wait times as Locust has them, steps of the booking API as methods.

To be imported in a Locust process only. Under ``locust -f`` such a user registers itself as a new client and works in Locust's closed
model. The harness runs the same class openly: a visit for each computed arrival, with an account that was logged in before.
"""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import gevent
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from closeshave.clock import now_ns
from closeshave.history import Source
from closeshave.loadgen.carrier import EngineTransport
from closeshave.loadgen.engine import Engine
from closeshave.loadgen.sleep import sleep_until
from closeshave.loadgen.worker import engine_of
from closeshave.topology import Shard, Topology
from closeshave.traffic import answers, dialect, hosts
from closeshave.traffic.book import EngineBook
from closeshave.traffic.session import Over, Session, Surroundings, Window
from closeshave.traffic.steps import Steps

_LOG = logging.getLogger(__name__)

FRANCHISES = 100_000


class BookingUser(User):
    """A customer of the booking platform. Subclasses add Locust tasks made of ``self.steps``, and think with ``self.think()``."""

    abstract = True
    contest: ClassVar[bool] = False
    """Whether the harness lets it arrive as a contest of two customers, rather than as an ordinary visit."""
    tasks_per_visit: ClassVar[float] = 1.0
    """Mean number of tasks that a customer of the open model does before leaving."""
    profiles_per_visit: ClassVar[float] = 1.0
    """Mean number of looks at one's profile among them."""
    login_share: float = 0.1
    """Share of those that begin with a log-in."""
    think_time_scale: float = 1.0

    def __init__(self, environment: Environment, session: Session | None = None, companion: Callable[[], Session] | None = None) -> None:
        """Under plain Locust only the environment is given; the harness brings the session, and a way to get another one for a rival."""
        super().__init__(environment)
        self.session: Session = session or self._visitor()
        self.steps = Steps(self.session)
        self._companion = companion

    @property
    def rng(self) -> random.Random:
        """The customer's own random numbers: the same in every run with the same seed."""
        return self.session.rng

    def chance(self, probability: float) -> bool:
        """Yes with this probability."""
        return self.rng.random() < probability

    def think(self) -> None:
        """Pause within a task, as long as between two."""
        self.session.wait(self.thinking_s())

    def thinking_s(self) -> float:
        """How long to think now, in seconds, from the class's Locust ``wait_time``."""
        return float(self.wait_time())

    def rival(self) -> Self:
        """Another customer for the same franchise, due at the same time as this one."""
        other = type(self)(self.environment, self._companion() if self._companion else None)
        if self._companion is None:
            other.on_start()
        other.session.caller = other.session.caller.at(self.session.caller.franchise)
        other.session.due_ns = self.session.due_ns
        return other

    def wait_for(self, other: Self) -> None:
        """What this customer does next follows what the other did last."""
        self.session.due_ns = max(self.session.due_ns, other.session.due_ns)

    def compete(self, rival: Self, act: Callable[[Self], None]) -> None:
        """Both do the same at the same instant, each on its own; returns when both have an answer."""
        rival.session.due_ns = self.session.due_ns
        self.session.surroundings.learnt.held += 1
        other = gevent.spawn(rival.try_to, act)
        try:
            self.try_to(act)
        finally:
            other.join()
            rival.session.transport.close()

    def try_to(self, act: Callable[[Self], None]) -> None:
        """Do it, unless the load ends before it is due."""
        with contextlib.suppress(Over):
            act(self)

    def visit(self, tasks: int) -> Iterator[int]:
        """The open model's visit: so many tasks by their weights. Yields the instants until which it thinks in between, holding nothing.

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
        """Under plain Locust: become a client of the platform. Stops this user when the platform does not take it."""
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
        rng = random.Random(secrets.randbits(64))  # noqa: S311 -- a customer's chance, not a secret
        name = f"closeshave-{secrets.token_hex(6)}@example.com"
        password, franchise = secrets.token_urlsafe(12) + "aA1!", rng.randint(1, FRANCHISES)
        caller = dialect.Caller(name, password, "", secrets.token_hex(8), franchise, dialect.new_address(rng))
        topology = Topology(("edge",), (Shard(1, 1, FRANCHISES, "edge", "edge"),))
        engine = engine_of(self.environment)
        asleep = partial(sleep_until, engine.loop)
        around = Surroundings(Source.CUSTOMERS, topology, "closeshave:locust", Window(), _book(engine), asleep, time.time)
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


def _book(engine: Engine) -> EngineBook:
    """The one book of a Locust process, which counts for all its users."""
    book = _books.get(engine)
    if book is None:
        book = _books[engine] = EngineBook(engine.records)
    return book


_books: WeakKeyDictionary[Engine, EngineBook] = WeakKeyDictionary()


def thinking(mean_s: float) -> Callable[[Any], float]:
    """A Locust ``wait_time``: exponential with this mean, times the plan's scale."""
    return lambda user: user.rng.expovariate(1 / mean_s) * user.think_time_scale
