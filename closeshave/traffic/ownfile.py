"""A Locust file of the user's own: its classes, and why it cannot be used. For Locust processes only.

``python -m closeshave.traffic.ownfile ORDER`` (JSON) imports the file, or a scenario, and prints what is wrong with it: the other side of
:mod:`.ownfilecheck`.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from locust import LoadTestShape, SequentialTaskSet, TaskSet, User
from locust.util.load_locustfile import load_locustfile

from closeshave.files.closest import meant
from closeshave.plan import LocustFile
from closeshave.traffic.ownfilecheck import FOUND, ORDER, FileFound, Scenario

_Act = Callable[[Any], Any]


class UnusableFile(ValueError):
    """The file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class OwnUsers:
    """The classes of a file."""

    users: Mapping[str, type[User]]
    """Those that take part, by name."""
    shape: LoadTestShape | None

    @property
    def longest_sequence(self) -> int:
        """The tasks of the longest ``SequentialTaskSet``; 1 without one."""
        sets = (each for user in self.users.values() for each in _tasksets(user.tasks))
        return max((len(each.tasks) for each in sets if issubclass(each, SequentialTaskSet)), default=1)


@cache
def load(path: str) -> OwnUsers:
    """Import the file, as Locust itself does, once in a process. Raises :class:`UnusableFile`, and whatever the file raises."""
    found, shapes = load_locustfile(path)
    users = {name: user for name, user in found.items() if user.weight > 0 or user.fixed_count > 0}
    if not users:
        raise UnusableFile(
            "has no user class: a class that inherits from HttpUser, FastHttpUser or User, is not abstract and has a weight above 0"
        )
    for name, user in users.items():
        if ours := next((each.__name__ for each in user.__mro__ if each.__module__.startswith("closeshave.")), ""):
            raise UnusableFile(f"{name} is a {ours} of this harness: such a file is named by traffic.scenario, or run by locust itself")
        if not user.tasks:
            raise UnusableFile(f"{name} has no tasks: use the @task decorator, or set tasks")
    if len(shapes) > 1:
        raise UnusableFile(f"has {len(shapes)} load shapes; one at most can decide how many users there are")
    return OwnUsers(users, shapes[0] if shapes else None)


def refuse(own: LocustFile, found: OwnUsers) -> None:
    """Raise :class:`UnusableFile` unless the plan's statements fit the file."""
    if own.model == "open" and found.shape is not None:
        name = type(found.shape).__name__
        raise UnusableFile(f"{name} says how many users there are, which only the closed model has: write traffic.locust.model: closed")
    if own.model == "closed" and found.shape is None and own.users is None:
        raise UnusableFile("has no LoadTestShape: write traffic.locust.users, the number of users of the closed model")
    if own.users is not None and found.shape is not None:
        raise UnusableFile(f"{type(found.shape).__name__} says how many users there are: leave out traffic.locust.users")
    if own.canary is not None:
        canary_task(found.users, own.canary)


@dataclass(frozen=True, slots=True)
class CanaryTask:
    """A task that canaries run, and whose it is."""

    user: type[User]
    owner: type[TaskSet] | None
    """The task set that has it; ``None`` for a task of the user class itself."""
    act: _Act


def canary_task(users: Mapping[str, type[User]], named: str) -> CanaryTask:
    """The task of this name, like ``Shopper.look`` or ``Shopper.Checkout.pay``. Raises :class:`UnusableFile` naming those that there are."""
    tasks = dict(_tasks(users))
    if named not in tasks:
        raise UnusableFile(f"has no task {named!r} for the canary{meant(named, tasks)}; available: {', '.join(tasks)}")
    return tasks[named]


def _tasks(users: Mapping[str, type[User]]) -> Iterator[tuple[str, CanaryTask]]:
    for name, user in users.items():
        for task in user.tasks:
            if not _is_set(task):
                yield f"{name}.{_called(task)}", CanaryTask(user, None, cast("_Act", task))
        for owner in _tasksets(user.tasks):
            for task in owner.tasks:
                if not _is_set(task):
                    yield f"{name}.{owner.__name__}.{_called(task)}", CanaryTask(user, owner, cast("_Act", task))


def _tasksets(tasks: list[Any]) -> Iterator[type[TaskSet]]:
    for task in dict.fromkeys(tasks):
        if _is_set(task):
            yield task
            yield from _tasksets(task.tasks)


def _is_set(task: Any) -> bool:
    return hasattr(task, "tasks")


def _called(task: Any) -> str:
    return str(getattr(task, "__name__", task))


def _refuse_scenario(asked: Scenario) -> None:
    """Raise :class:`UnusableFile` unless the file has the classes of customers that the plan needs."""
    # Only for scenarios: it loads the load engine.
    from closeshave.traffic.journeys import BookingUser  # noqa: PLC0415

    load_locustfile(asked.file)
    customers, rivals = BookingUser.kinds(contest=False), BookingUser.kinds(contest=True)
    if not customers:
        raise UnusableFile(
            "has no class of customers, which inherits from closeshave.traffic.journeys.BookingUser; "
            "a plain Locust file is named by traffic.locust.file"
        )
    if idle := next((kind for kind in customers + rivals if not kind.tasks), None):
        raise UnusableFile(f"{idle.__name__} has no tasks: use the @task decorator")
    if asked.contests and not rivals:
        raise UnusableFile(
            "has no class with contest = True, so nobody can compete for a slot: add 'from closeshave.traffic.contests import Rivals', "
            "or write traffic.contests_per_s: 0 in the plan"
        )


def _looked(own: LocustFile | Scenario) -> FileFound:
    try:
        if isinstance(own, Scenario):
            _refuse_scenario(own)
        else:
            refuse(own, load(own.file))
    except UnusableFile as error:
        return FileFound(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the file raises, an exit too: it cannot be loaded, and the user is told why
        lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == Path(own.file)]
        told = " ".join(str(error).split())
        return FileFound(f"cannot be loaded by Locust: {type(error).__name__}{f': {told}' if told else ''}", lines[-1] if lines else 0)
    return FileFound()


def main(order: str) -> None:
    """Carry out the command line."""
    # What the file prints must not be read as an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    os.write(answers, FOUND.dump_json(_looked(ORDER.validate_json(order))))
    # Without waiting for threads and greenlets that the file has started.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
