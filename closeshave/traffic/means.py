"""``python -m closeshave.traffic.means FILE``: the mean numbers of requests of a scenario's sessions, as a plan states them under ``traffic``.

Counted, not estimated: the scenario's own classes make their visits against a platform that always gives the promised answer at once. In a process of its
own, because Locust patches the interpreter.
"""

from __future__ import annotations

import json
import random
import runpy
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from locust.env import Environment

from closeshave.api import spoken
from closeshave.history import Effect, Operation, Source
from closeshave.loadgen.transport import Answer, Failure, Request
from closeshave.topology import Shard, Topology
from closeshave.traffic import dialect
from closeshave.traffic.journeys import BookingUser
from closeshave.traffic.session import Counters, Session, Surroundings, Window

VISITS = 2000
"""So many sessions are made: the mean of a number that is Poisson distributed is then within 5 % of its square root, with 95 % confidence."""
SEED = 7
_REGION = "here"
_TOPOLOGY = Topology((_REGION,), (Shard(1, 1, 100, _REGION, _REGION),))
_DAY = [{"time": f"{hour:02}:{minute:02}", "available": True} for hour in range(9, 17) for minute in (0, 30)]


class NotAnswered(Exception):
    """A step of the scenario did not get its promised answer here, so that its means would be wrong; says which."""


@dataclass(frozen=True, slots=True)
class Means:
    """Of one scenario's sessions."""

    per_session: Mapping[str, float]
    """Operation → requests. Log-ins are counted as if every look at one's profile began with one: a plan is held against limits by the most that there
    can be."""
    requests_per_session: float
    """All requests together, one for each look at a profile."""
    profiles_per_visit: Mapping[str, float]
    """Class of customers → looks at the profile, as it should state itself."""


@dataclass(slots=True)
class _Book:
    """Keeps what was sent, and that all of it was good."""

    counters: Counters = field(default_factory=Counters)
    kinds: Counter[str] = field(default_factory=Counter)

    def next_id(self) -> int:
        """Nobody reads it."""
        return 0

    def add_effect(self, effect: Effect) -> None:
        """Nothing is kept."""

    def record(self, operation: Operation, method: str, effect: Effect | None = None, arrival: int | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Count it. Raises :class:`NotAnswered` for one that is not good."""
        if operation.kind not in _ANSWERS:
            raise NotAnswered(f"{operation.kind} has no answer in closeshave/traffic/means.py: add one")
        if not operation.good:
            raise NotAnswered(f"{operation.kind} was answered {operation.status}, and the scenario did not get what it asked for")
        self.kinds[operation.kind] += 1


class _Obliging:
    """A platform that always gives the promised answer, at once."""

    def send(self, request: Request) -> Answer:
        """The answer; none to an operation that has none here."""
        answer, at_ns = _ANSWERS.get(request.kind), time.monotonic_ns()
        if answer is None:
            return Answer(at_ns, at_ns, failure=Failure.CLOSED)
        asked = json.loads(request.body) if request.body else {}
        return Answer(at_ns, at_ns, 200, {}, json.dumps(answer(request.path, asked)).encode())

    def close(self) -> None:
        """Nothing to give up."""


def _token(_path: str, _asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"access_token": "t", "refresh_token": "r", "csrf_token": "c", "token_type": "bearer"}


def _booked(_path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": 1, "barber_id": asked.get("barber_id", 1), "client_id": 1, "start_time": f"{asked['date']}T{asked['time'][:5]}:00", "price": 30.0,
        "duration_minutes": spoken.shipped().minutes[asked["service"]], "status": "scheduled", "version": 1,
    }  # fmt: skip


_ANSWERS: Mapping[str, Callable[[str, Mapping[str, Any]], Any]] = {
    "franchise": lambda _path, _asked: {"locations": [{"id": 1, "version": 1}], "total": 1},
    "services": lambda _path, _asked: [{"id": 1, "name": "Haircut"}],
    "barbers": lambda _path, _asked: [{"id": number, "name": f"B{number}"} for number in (1, 2, 3)],
    "slots": lambda _path, _asked: {"slots": _DAY, "timezone": "UTC"},
    "check_barber": lambda _path, _asked: {"is_available": True},
    "login": _token,
    "refresh": _token,
    "profile": lambda _path, _asked: {"id": 1},
    "book": _booked,
    "read_booking": lambda path, _asked: {"id": int(path.rpartition("/")[2]), "status": "scheduled", "version": 1},
    "reschedule": lambda _path, _asked: {"id": 1, "version": 2},
    "cancel": lambda _path, _asked: {"id": 1, "status": "cancelled"},
    "pay_intent": lambda _path, _asked: {"payment_intent_id": "pi_1", "client_secret": "s", "amount": 30.0},
    "pay_confirm": lambda _path, _asked: {"success": True},
    "change_shop": lambda _path, _asked: {"id": 1},
}


def means(kinds: Sequence[type[BookingUser]], visits: int = VISITS, seed: int = SEED) -> Means:
    """The means of these classes of customers, by their weights; the same for the same seed. Raises :class:`NotAnswered`."""
    counted = {kind: _counted(kind, visits, seed) for kind in kinds}
    whole = sum(kind.weight for kind in kinds) * visits
    each: defaultdict[str, float] = defaultdict(float)
    for kind, told in counted.items():
        for name, count in told.items():
            each[name] += count * kind.weight / whole
    return Means(
        per_session={name: round(mean, 3) for name, mean in sorted(each.items())},
        requests_per_session=round(sum(each.values()), 2),
        profiles_per_visit={kind.__name__: round(told["login"] / visits, 3) for kind, told in counted.items()},
    )


def _counted(kind: type[BookingUser], visits: int, seed: int) -> Counter[str]:
    book, chance = _Book(), np.random.default_rng(seed)
    around = Surroundings(Source.CUSTOMERS, _TOPOLOGY, "closeshave:means", Window(), book, lambda _due_ns: None, time.time)
    before, kind.login_share = kind.login_share, 1.0
    try:
        for number in range(visits):
            rng = random.Random(f"{seed}:{number}")  # noqa: S311 - a customer's chance, not a secret
            caller = dialect.Caller("a@example.com", "p", "t", "c", 1, "10.0.0.1")
            session = Session(str(number), kind.__name__.lower(), _REGION, caller, "1", _Obliging(), around, rng, 0)
            # As the open model draws them.
            tasks = 1 + int(chance.poisson(max(0.0, kind.tasks_per_visit - 1)))
            for _until_ns in kind(Environment(), session).visit(tasks):
                pass
    finally:
        kind.login_share = before
    return book.kinds


def main() -> None:
    """Print the means of the scenario that the command line names, as YAML for a plan."""
    runpy.run_path(sys.argv[1])
    found = means(BookingUser.kinds(contest=False))
    per_session = ", ".join(f"{name}: {mean:g}" for name, mean in found.per_session.items())
    sys.stdout.write(f"traffic:\n  requests_per_session: {found.requests_per_session:g}\n  per_session: {{{per_session}}}\n")
    for name, mean in found.profiles_per_visit.items():
        sys.stdout.write(f"# {name}.profiles_per_visit = {mean:g}\n")


if __name__ == "__main__":
    main()
