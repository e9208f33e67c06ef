"""One worker with its relay: ``python -m closeshave.standin.background``, until SIGTERM; then it ends the job that it has, and takes no other."""

from __future__ import annotations

import os

from celery.signals import worker_ready, worker_shutting_down

from closeshave.standin.background import settings as settings_file
from closeshave.standin.background.queue import QUEUE, queue
from closeshave.standin.background.relay import Relay


def main() -> None:
    """Work until SIGTERM."""
    settings = settings_file.of_process(os.environ)
    app = queue(settings)
    relay = Relay(app, settings)
    worker_ready.connect(lambda **_kind: relay.start(), weak=False)
    worker_shutting_down.connect(lambda **_kind: relay.stop(), weak=False)
    quietly = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    # One job at a time, in this process: who kills it kills the job.
    app.worker_main(["worker", "--pool", "solo", "--queues", QUEUE, "--hostname", f"{settings.instance}@localhost", *quietly])


if __name__ == "__main__":
    main()
