"""How Locust generates a load: a user class that does nothing, and in every worker a greenlet that does the work. For Locust processes only."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.event import Event
from locust import User, events, task
from locust.env import Environment
from locust.runners import MasterRunner

from closeshave.files import write_atomically
from closeshave.loadgen.worker import place_of, tell_done
from closeshave.traffic import runfiles
from closeshave.traffic.load import LoadRefused
from closeshave.traffic.load import load as read_load
from closeshave.traffic.openmodel import Senders, Worker
from closeshave.traffic.runfiles import SenderKind

_LOG = logging.getLogger(__name__)


class OpenModel(User):
    """The single user that Locust spawns in one of the workers. It does nothing; every worker runs its share of the senders."""

    abstract = True
    fixed_count = 1
    kind: ClassVar[SenderKind]
    senders: ClassVar[type[Senders]]

    @task
    def stand_by(self) -> None:
        """Wait while the senders work."""
        Event().wait()


def drive(model: type[OpenModel], environment: Environment) -> None:
    """Send this worker's share of the load that ``CLOSESHAVE_LOAD`` names, then end Locust.

    An error ends this process with exit code 1, because Locust itself would log it and go on.
    """
    assert environment.runner is not None
    load = read_load(Path(os.environ[runfiles.VARIABLE]))
    try:
        worker = Worker(load, model.kind, environment)
        for ending in (environment.events.test_stop, environment.events.quitting):
            ending.add_listener(worker.stop)  # type: ignore[no-untyped-call]  # Locust's own gap
        worker.run(model.senders(load, worker))
    except Exception as error:  # noqa: BLE001 -- see above
        refused = isinstance(error, LoadRefused)
        _LOG.error("the load could not be generated: %s", error, exc_info=None if refused else error)
        environment.process_exit_code = 1
        local = place_of(environment)
        name = runfiles.worker(model.kind, load.placed(local.index, local.count)[0])
        told = runfiles.refused_file if refused else runfiles.failed_file
        # On a disk without room nothing can be said, and the process must end all the same.
        with contextlib.suppress(OSError):
            write_atomically(told(Path(load.run), name), f"{error}\n")
        gevent.spawn(environment.runner.quit)
        return
    if worker.told_to_stop:
        # The caller ends Locust too, once everything is recorded.
        return
    if worker.orphaned:
        # A master that has ended cannot stop its workers.
        gevent.spawn(environment.runner.quit)
    else:
        tell_done(environment)


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # Locust's events carry no types
def _start_driving(environment: Environment, **_: Any) -> None:
    if not isinstance(environment.runner, MasterRunner):
        for model in environment.user_classes:
            if issubclass(model, OpenModel):
                gevent.spawn(drive, model, environment)
