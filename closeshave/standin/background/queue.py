"""The queue between relays and workers: Celery over Valkey, acknowledged late."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from celery import Celery
from celery.exceptions import Reject

from closeshave.standin.background.ledger import JobLedger, Unreachable
from closeshave.standin.background.settings import WorkerSettings

QUEUE = TASK = "jobs"
UNSEEN_S = 5
"""A job that was delivered and not acknowledged for so long is delivered to another worker. Celery's own time is an hour."""
PAUSE_S = 0.05
"""After a job that cannot be done now, and goes back to the end of the queue."""


def queue(settings: WorkerSettings, work: Callable[[float], None] = time.sleep) -> Celery:
    """The application of Celery with its only task, ``jobs(shard, job)``."""
    app = Celery("standin", broker=settings.broker)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # Just after a start or a failover the balancer may lead to a replica, which refuses to write.
        broker_channel_error_retry=True,
        broker_transport_options={
            "client_name": settings.instance,
            "visibility_timeout": UNSEEN_S,
            # By default Celery looks every hundred seconds for jobs that were not acknowledged in time.
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            # Who looks is alone, and may be killed meanwhile; by default nobody would look for five minutes then.
            "unacked_mutex_expire": UNSEEN_S,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
        },
    )
    ledger = JobLedger(settings.databases)

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator] # Celery has no types
    def jobs(_task: Any, shard: int, job: int) -> None:
        try:
            ledger.carry_out(shard, job, settings.instance, lambda: work(settings.work_s))
        except Unreachable as error:
            time.sleep(PAUSE_S)
            raise Reject(str(error), requeue=True) from error

    return app
