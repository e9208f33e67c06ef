"""Publishes the jobs that are due, from the databases to the broker: a thread of every worker. Several relays share the jobs of a shard."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from celery import Celery

from closeshave.standin.background.ledger import JobLedger, Unreachable
from closeshave.standin.background.queue import TASK
from closeshave.standin.background.settings import WorkerSettings

EVERY_S = 0.25
AT_ONCE = 100
_LOG = logging.getLogger(__name__)


class Relay:
    """Runs from :meth:`start` to :meth:`stop`."""

    def __init__(self, app: Celery, settings: WorkerSettings) -> None:
        self._app = app
        self._settings = settings
        self._ledger = JobLedger(settings.databases)
        self._connection: Any = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def stop(self) -> None:
        """End after the shard that is being asked."""
        self._over.set()

    def once(self) -> int:
        """Publish what is due on every shard that answers; returns how many jobs. A broker that does not take them keeps them unpublished."""
        count = 0
        for shard in self._settings.relays:
            try:
                count += self._ledger.publish_due(shard, lambda jobs, shard=shard: self._publish(shard, jobs), AT_ONCE)  # type: ignore[misc] # a lambda's default
            except Unreachable as error:
                _LOG.debug("%s", error)
        return count

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self.once()
            except Exception as error:  # noqa: BLE001 - whatever a broker does, the next round asks again
                _LOG.warning("jobs were not published: %s: %s", type(error).__name__, error)
                self._drop()
        self._ledger.close()
        self._drop()

    def _publish(self, shard: int, jobs: Iterable[int]) -> None:
        for job in jobs:
            if self._connection is None:
                self._connection = self._app.connection_for_write()
            self._app.send_task(TASK, args=(shard, job), task_id=f"{shard}-{job}", connection=self._connection, retry=False)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.release()
