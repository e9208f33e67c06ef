"""Serves the page of one run in this process, until its trial has ended."""

from __future__ import annotations

import gc
import os
import socket
from contextlib import suppress
from pathlib import Path

from closeshave.control.processes import Identity
from closeshave.live import server
from closeshave.live.access import Access
from closeshave.live.settings import Place
from closeshave.live.watcher import Watcher

NICE = 10
"""The platform and the senders come first, on a machine that they share with whoever watches."""


def serve(run: Path, harness: Identity, access: Access, place: Place, opened: socket.socket) -> None:
    """Serve on this socket. Returns when the trial, whose process is ``harness``, has ended, or when this process is told to end."""
    with suppress(OSError):
        os.nice(NICE - os.getpriority(os.PRIO_PROCESS, 0))

    def over() -> None:
        running.should_exit = True

    app = server.application(run, Watcher(run, harness), access, over)
    guarded = server.Guarded(app, place.hosts(access.port), place.scheme)
    running = server.server(guarded, *(None if path is None else str(path) for path in (place.certificate, place.key)))
    # What was imported stays until the end.
    gc.freeze()
    running.run(sockets=[opened])
