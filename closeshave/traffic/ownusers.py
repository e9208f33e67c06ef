"""How plain Locust users are run in a trial: a visit for each arrival (open model), a population (closed model), or one task at a steady rate (canary).

For Locust processes only. Tasks, weights, task sets, wait times, ``on_start`` and ``on_stop`` are Locust's own.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from weakref import WeakKeyDictionary, WeakSet

import gevent
import numpy as np
from gevent.pool import Group
from locust import TaskSet, User
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_WAITING, DefaultTaskSet

from closeshave.clock import now_ns
from closeshave.files import unexpected
from closeshave.history import Operation, Outcome, Source
from closeshave.loadgen import outcomes
from closeshave.loadgen.errors import Reason
from closeshave.shapes import Replayed
from closeshave.traffic import arrivals, ownfile, raised
from closeshave.traffic.load import Load, part
from closeshave.traffic.locustevents import NOWHERE, LocustRecorder, LocustRequest, UserPlace
from closeshave.traffic.openmodel import GRACE_S, VisitSteps, Worker
from closeshave.traffic.ownfile import OwnUsers
from closeshave.traffic.planned import own_arrivals
from closeshave.traffic.session import Over
from closeshave.vocabulary import OWN_PROBE

if TYPE_CHECKING:
    from locust import LoadTestShape

    from closeshave.plan import LocustFile

_LOG = logging.getLogger(__name__)
TICK_S = 0.5
"""How often the number of users of the closed model is adjusted."""
CANARY_TIMEOUT_S = 2.0
KILLED_WITHIN_S = 0.5
"""How long the ``on_stop`` of users may take that did not end by themselves."""
MADE_READY = 4
"""Users that a canary has ready in each region, at least."""
_NO_TASK_DONE = (StopUser, StopTest, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)


class _Counting(Protocol):
    """Whoever wants to know when a user has done a task."""

    def task_done(self, user: User) -> None:
        """Called after each task that is a function, however deep in task sets."""


_counting: list[_Counting] = []


def _count_tasks() -> None:
    """From now on a :class:`_Counting` is told of each task. Locust has no event for it."""
    execute = TaskSet.execute_next_task

    def counted(taskset: TaskSet) -> None:
        try:
            execute(taskset)  # type: ignore[no-untyped-call]  # Locust's own gap
        except _NO_TASK_DONE:
            raise
        except Exception:
            _tell(taskset.user)
            raise
        _tell(taskset.user)

    TaskSet.execute_next_task = counted  # type: ignore[method-assign]


def _tell(user: User) -> None:
    for each in _counting:
        each.task_done(user)


_count_tasks()


class _OwnSender:
    """What all models share: the classes of the file in each region, the recorder, and the users that are running."""

    source = Source.CUSTOMERS

    def __init__(self, load: Load, worker: Worker) -> None:
        own = load.traffic.locust
        assert own is not None
        self.own: LocustFile = own
        self._load, self._worker = load, worker
        self.found: OwnUsers = ownfile.load(own.file)
        ownfile.refuse(own, self.found)
        self.regions = load.topology.regions
        self._classes: dict[tuple[str, str], type[User]] = {}
        self.recorder = self._made_recorder(worker, own.shard_in(load.topology), load.tag)
        self.recorder.home(UserPlace(self.regions[0], "locust"))
        self.users: dict[User, UserPlace] = {}
        self._tasks = own.tasks_per_visit
        self._left: WeakKeyDictionary[User, int] = WeakKeyDictionary()
        """How many tasks each user still has to do."""
        self.group = Group()
        # Locust chooses tasks by the module's own generator.
        random.seed(load.seed * 1000 + worker.place.index)
        self._raised: Counter[str] = Counter()
        worker.environment.events.user_error.add_listener(self._note_error)  # type: ignore[no-untyped-call]  # Locust's own gap
        worker.ending = self.end
        _counting.append(self)

    def _made_recorder(self, worker: Worker, shard: int, tag: str) -> LocustRecorder:
        return LocustRecorder(worker.environment, worker.recorder, worker.window, self.source, shard, tag)

    def _note_error(self, exception: BaseException | None = None, **_: Any) -> None:
        if self.recorder.on:
            self._raised[unexpected.told(exception) if exception is not None else "unknown"] += 1

    def task_done(self, user: User) -> None:
        """Record requests of the task that no event told of. After the last task of its visit the user leaves, instead of waiting for another."""
        if user in self.users:
            self.recorder.task_ended(self.users[user])
        if user in self._left:
            self._left[user] -= 1
            if self._left[user] <= 0:
                _ask_to_stop(user)

    def made(self, kind: type[User], region: str) -> User:
        """A new user of this class, whose host is the edge of the region."""
        found = self._classes.get((kind.__name__, region))
        if found is None:
            told = {"host": self._load.edges[region], "abstract": False, "__module__": kind.__module__}
            found = self._classes[kind.__name__, region] = cast("Any", type(kind))(kind.__name__, (kind,), told)
        return found(self._worker.environment)

    def start(self, kind: type[User], place: UserPlace) -> None:
        """Let a new user live in a greenlet of its own, in Locust's way: from ``on_start`` to ``on_stop``."""
        user = self.made(kind, place.region)
        self.users[user] = place
        user.start(self.group)
        self.recorder.seat_of(user.greenlet, user, place)
        user.greenlet.link(partial(self._gone, user))
        if self._tasks is not None:
            self._left[user] = self._tasks

    def _gone(self, user: User, _greenlet: object) -> None:
        """It has left, or an error of its ``on_start`` has ended it, which Locust has logged."""
        self.recorder.task_ended(self.users.pop(user), cut_off=True)

    def end(self) -> None:
        """Let users end their tasks, for a moment; then end them, and record what they had in flight."""
        for user in list(self.users):
            gevent.spawn(_ask_to_stop, user)
        self.group.join(timeout=GRACE_S)
        for user, place in list(self.users.items()):
            waiting = user._state == LOCUST_STATE_WAITING  # noqa: SLF001 - there is no other way to know that it sends nothing
            unknown = not place.sending and not waiting and not hasattr(getattr(user, "client", None), "watched_by_closeshave")
            if unknown:
                # Its own client may be waiting for an answer: that must not vanish from the record.
                self.recorder.heard(place, _unknown(place))
            self.recorder.task_ended(place, cut_off=True)
        self.recorder.on = False
        raised.save(Path(self._load.run), self._worker.name, self._raised)
        self.group.kill(timeout=KILLED_WITHIN_S)


def _ask_to_stop(user: User) -> None:
    # What a user does not expect in its present state, it says by an exception.
    with contextlib.suppress(Exception):
        user.stop(force=False)


def _unknown(place: UserPlace) -> LocustRequest:
    at_ns = now_ns()
    meaning = outcomes.of_failure(Reason.STOPPED.value, writes=True, may_have_arrived=True)
    return LocustRequest("", f"in flight of {place.journey}", at_ns, at_ns, meaning, 0, 0)


class OpenUsers(_OwnSender):
    """Each arrival is a new user, which does some tasks and leaves."""

    def __init__(self, load: Load, worker: Worker) -> None:
        super().__init__(load, worker)
        found = own_arrivals(load)
        # All workers compute all arrivals, the same, and each carries out those that are dealt to it.
        self.at_ns = found.at_ns
        self._region = found.region
        self._tasks = self._tasks or self.found.longest_sequence
        self._rng = random.Random(f"{load.seed}:{worker.place.index}")  # noqa: S311 -- a customer's chance, not a secret

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Start the user of this arrival."""
        self.recorder.on = True
        if self._worker.window.closed:
            raise Over
        kinds = list(self.found.users.values())
        kind = self._rng.choices(kinds, [each.weight or each.fixed_count for each in kinds])[0]
        self.start(kind, UserPlace(self.regions[int(self._region[number])], kind.__name__.lower(), due_ns, arrival=number))
        yield from ()


class _Count:
    """What a load shape is told of the runner."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    @property
    def user_count(self) -> int:
        """The users that are running."""
        return self._count()


class ClosedUsers(_OwnSender):
    """So many users, each of which does one task after the other; how many, the plan's phases say, or the file's own ``LoadTestShape``."""

    def __init__(self, load: Load, worker: Worker) -> None:
        super().__init__(load, worker)
        # One arrival for each worker: the population itself, which is adjusted until the end.
        self.at_ns = np.zeros(worker.place.count, dtype=np.int64)
        self._next_region = worker.place.index
        self._allowance = 0.0
        """How many users may come or go now."""
        self._leaving: WeakSet[User] = WeakSet()
        if self.found.shape is not None:
            self.found.shape.runner = cast("Any", _Count(lambda: len(self.users) * worker.place.count))

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Adjust the number of users, again and again."""
        del number
        self.recorder.on = True
        if self.found.shape is not None:
            self.found.shape.reset_time()  # type: ignore[no-untyped-call]  # Locust's own gap
        at_ns, window = due_ns, self._worker.window
        while window.admits(at_ns, 0):
            wanted, per_s, kinds = self._wanted((at_ns - due_ns) / 1e9)
            self._adjust(part(wanted, self._worker.place.index, self._worker.place.count), per_s, kinds)
            at_ns += round(TICK_S * 1e9)
            yield at_ns

    def _wanted(self, elapsed_s: float) -> tuple[int, float, Mapping[str, type[User]]]:
        """How many users there should be, how many may come or go in a second, and which classes take part."""
        if self.found.shape is None:
            return self._planned(elapsed_s), float("inf"), self.found.users
        return _of_shape(self.found.shape, self.found.users)

    def _planned(self, elapsed_s: float) -> int:
        assert self.own.users is not None  # otherwise the file has a shape
        phase = next((each for each in self._load.phases if elapsed_s < each.ends_s), self._load.phases[-1])
        peak_per_s = max(each.sessions_per_s for each in self._load.phases)
        if isinstance(phase.shape, Replayed):
            return self.own.users
        rate = arrivals.rate_of(phase.shape, phase.sessions_per_s, phase.duration_s)
        now_per_s = float(rate.per_s(np.array([elapsed_s - phase.starts_s]))[0])
        return max(1, round(self.own.users * now_per_s / peak_per_s))

    def _adjust(self, wanted: int, per_s: float, kinds: Mapping[str, type[User]]) -> None:
        self._allowance = (
            0.0 if per_s == float("inf") else min(self._allowance + per_s * TICK_S / self._worker.place.count, max(1.0, per_s))
        )
        staying = [user for user in self.users if user not in self._leaving]
        change = wanted - len(staying)
        change = max(-int(self._allowance), min(change, int(self._allowance))) if per_s < float("inf") else change
        self._allowance -= abs(change) if per_s < float("inf") else 0
        for _ in range(change):
            region = self.regions[self._next_region % len(self.regions)]
            self._next_region += 1
            kind = self._next_kind(kinds)
            self.start(kind, UserPlace(region, kind.__name__.lower()))
        for user in staying[len(staying) + change :] if change < 0 else ():
            self._leaving.add(user)
            gevent.spawn(_ask_to_stop, user)

    def _next_kind(self, kinds: Mapping[str, type[User]]) -> type[User]:
        """The class that has the fewest users for its weight; those with a fixed count first."""
        there = {name: sum(type(user).__name__ == name for user in self.users) for name in kinds}
        fixed = next((kind for name, kind in kinds.items() if kind.fixed_count and there[name] < kind.fixed_count), None)
        weighted = [name for name, kind in kinds.items() if not kind.fixed_count] or list(kinds)
        return fixed or kinds[min(weighted, key=lambda name: (there[name] + 1) / max(kinds[name].weight, 1e-9))]


def _of_shape(shape: LoadTestShape, users: Mapping[str, type[User]]) -> tuple[int, float, Mapping[str, type[User]]]:
    told = shape.tick()
    if told is None:
        return 0, float("inf"), users
    count, per_s, *kinds = told
    chosen = [each.__name__ for each in kinds[0]] if kinds and kinds[0] else list(users)
    return int(count), float(per_s), {name: users[name] for name in chosen if name in users} or users


class CanaryUsers(_OwnSender):
    """One task at a steady rate from each region; a probe is the whole task, from when it was due to its end."""

    source = Source.CANARY

    def __init__(self, load: Load, worker: Worker) -> None:
        super().__init__(load, worker)
        assert self.own.canary is not None
        self._task = ownfile.canary_task(self.found.users, self.own.canary)
        shard = next((each for each in load.topology.shards if each.id == self.own.shard_in(load.topology)), load.topology.shards[0])
        due: list[tuple[int, str]] = []
        self._idle: dict[str, list[User]] = {}
        for place, region in enumerate(self.regions):
            per_s = load.canaries.home_per_s if region == shard.home else load.canaries.away_per_s
            if per_s > 0:
                due += [
                    (at_ns, region) for at_ns in arrivals.steady(per_s, load.duration_s, (place + 0.5) / len(self.regions) / per_s).tolist()
                ]
                # Enough for probes that all wait until their time-out.
                self._idle[region] = [self._ready(region) for _ in range(max(MADE_READY, round(per_s * CANARY_TIMEOUT_S) + 1))]
        self._due = sorted(due)
        self.at_ns = np.array([at_ns for at_ns, _ in self._due], dtype=np.int64)

    def _made_recorder(self, worker: Worker, shard: int, tag: str) -> LocustRecorder:
        return _Probes(worker.environment, worker.recorder, worker.window, self.source, shard, tag)

    def begin(self, number: int, due_ns: int) -> VisitSteps:
        """Start the probe, in a greenlet of its own."""
        self.recorder.on = True
        if self._worker.window.closed:
            raise Over
        self.group.spawn(self._probe, self._due[number][1], due_ns)
        yield from ()

    def _ready(self, region: str) -> User:
        """A user that has started. Whatever its ``on_start`` raises ends the generator before the load."""
        user = self.made(self._task.user, region)
        user._state, user._taskset_instance = "running", DefaultTaskSet(user)  # noqa: SLF001 - as its run() would, so that a task may call self.wait()
        user.on_start()
        return user

    def _probe(self, region: str, due_ns: int) -> None:
        probes = cast("_Probes", self.recorder)
        idle = self._idle[region]
        place = UserPlace(region, "canary", due_ns)
        started_ns, error = now_ns(), ""
        user: User | None = None
        try:
            with gevent.Timeout(CANARY_TIMEOUT_S):
                user = idle.pop() if idle else self._ready(region)
                probes.seat(user, place)
                self._task.act(self._task.owner(user) if self._task.owner is not None else user)
        except gevent.Timeout:
            error = Reason.TOTAL_TIMEOUT.value
        except _NO_TASK_DONE:
            pass
        except Exception as raised:  # noqa: BLE001 - whatever the task raises, it did not do what it should
            error = type(raised).__name__
            _LOG.warning("the canary's task raised", exc_info=raised)
        finally:
            if user is not None:
                idle.append(user)
        probes.probe(place, due_ns, started_ns, error)


class _Probes(LocustRecorder):
    """Records one row for each probe: the requests of its task together."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._requests: dict[int, list[LocustRequest]] = {}

    def heard(self, place: UserPlace, heard: LocustRequest) -> None:
        """Keep it for the probe to which it belongs."""
        if self.on:
            self._recorder.counters.requests += 1
            self._requests.setdefault(id(place), []).append(heard)

    def probe(self, place: UserPlace, due_ns: int, started_ns: int, error: str) -> None:
        """Record the probe that has ended; it is good if its task raised nothing and each of its requests was good, of which there must be one."""
        mine = self._requests.pop(id(place), [])
        cut, place.sending = place.sending, []
        if not self.on:
            return
        bad = next((each for each in mine if not each.meaning.good), None)
        error = error or (bad.meaning.error or "" if bad else "" if mine else "no_request")
        uncertain = bool(cut) or (bad is not None and bad.meaning.outcome is Outcome.INFO)
        outcome = Outcome.OK if not error else Outcome.INFO if uncertain else Outcome.FAIL
        counters = self._recorder.counters
        counters.intended += 1
        counters.sent += 1
        counters.requests += len(cut)
        last = bad or (mine[-1] if mine else None)
        self._recorder.record(
            Operation(
                id=self._recorder.next_id(),
                source=self._source.value,
                kind=OWN_PROBE,
                journey=place.journey,
                region=place.region,
                shard=self._shard,
                franchise=0,
                intended_ns=due_ns,
                started_ns=started_ns,
                ended_ns=now_ns(),
                outcome=outcome.value,
                good=not error,
                status=last.status if last else 0,
                error=error or None,
                bytes=sum(each.bytes for each in mine),
            ),
            NOWHERE,
        )
        self._window.admits(due_ns, counters.requests)
