"""A thread that sends to one receiver, in order: whoever hands something over never waits, and a failure is counted and never raised."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from closeshave.files.plaintext import clean
from closeshave.plurals import plural

WAITING_MAX = 1000
"""So much may wait for a receiver that is slow; what comes after that is not sent."""
REASON_MAX = 200
"""Characters of what a receiver said that are shown."""


class Sender:
    """The way to one receiver, until :meth:`close`."""

    def __init__(self, name: str, where: str) -> None:
        """``name`` is what the receiver is (``Grafana``), ``where`` its address without anything secret."""
        self.name, self.where = name, where
        self.failed = 0
        self._handed_over = 0
        self._reason = ""
        self._work: queue.Queue[Callable[[], object]] = queue.Queue(WAITING_MAX)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send, name=f"telemetry to {name}", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return self._work.unfinished_tasks == 0

    def post(self, send: Callable[[], object]) -> None:
        """Have ``send`` called in this sender's thread. It raises when it could not send; what it raises must name nothing secret."""
        self._handed_over += 1
        try:
            self._work.put_nowait(send)
        except queue.Full:
            self._fail("too much was waiting")

    def close(self, within_s: float) -> str:
        """Send what waits, for at most ``within_s`` seconds, and end. Returns a sentence on what was not sent; empty when everything was."""
        deadline = time.monotonic() + within_s
        while not self.idle and time.monotonic() < deadline:
            time.sleep(0.01)
        unsent = self._work.unfinished_tasks
        self._over.set()
        if unsent:
            self._fail(f"no answer within {within_s:g} s", unsent)
        if not self.failed:
            return ""
        what = plural(self._handed_over, "message", "messages")
        return f"{self.failed} of {self._handed_over} {what} could not be sent to {self.where}: {self._reason}"

    def ended(self, within_s: float) -> bool:
        """After :meth:`close`: whether the thread has ended within so many seconds."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _send(self) -> None:
        while not self._over.is_set():
            try:
                send = self._work.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                send()
            except Exception as error:  # noqa: BLE001 - whatever a receiver does, the trial goes on
                self._fail(f"{error}" or type(error).__name__)
            finally:
                self._work.task_done()

    def _fail(self, reason: str, count: int = 1) -> None:
        self.failed += count
        self._reason = clean(reason)[:REASON_MAX]
