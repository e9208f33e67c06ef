"""An operator's stop: the first signal ends the trial in order, and later ones cannot disturb the clean-up.

A terminal that goes away (SIGHUP) stops a trial too, unless the command was started to outlive it (``nohup``). Nobody who is gone waits for the judging of
a run: it goes on to its report.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Raised once in the main thread at the operator's signal. Not an Exception, so that no handler catches it by accident."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")


class Interrupts:
    """While active, the first stopping signal raises :class:`Interrupted`; after :meth:`shield` signals are only noted."""

    def __init__(self, say: Callable[[str], None], outlook: Callable[[], str], shielded: Callable[[], None]) -> None:
        self._say = say
        self._outlook = outlook
        self._shielded = shielded
        self._raising = True
        self.received: str | None = None
        """The name of the first signal, also if it came after :meth:`shield`."""

    def shield(self) -> None:
        """Called before the clean-up: from now on signals do not raise."""
        self._raising = False
        self._shielded()

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.received is None:
            self.received = signal.Signals(number).name
        if self._raising:
            self._raising = False
            raise Interrupted(number)
        self._say(f"already stopping; {self._outlook() or 'faults are healed and everything is cleaned up first'}")


def nothing() -> None:
    """Where nobody wants to know."""


@contextmanager
def interrupts(
    say: Callable[[str], None], outlook: Callable[[], str] = lambda: "", shielded: Callable[[], None] = nothing
) -> Iterator[Interrupts]:
    """Install the handlers for the duration of the block. Main thread only. ``outlook`` says what is done now and what is left to do, for an operator
    who asks again; ``shielded`` is called when signals do not raise any more."""
    state = Interrupts(say, outlook, shielded)
    with _handled(state.handle, STOPPING):
        yield state


class Hangup:
    """What happens around a trial when its terminal goes away: before it, the command ends; after it, the run is judged and reported all the same."""

    def __init__(self) -> None:
        self._trial_over = False

    def trial_is_over(self) -> None:
        """Called when the clean-up begins: there is something to judge."""
        self._trial_over = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if not self._trial_over:
            raise Interrupted(number)


@contextmanager
def hangup() -> Iterator[Hangup]:
    """Install the handler for the duration of the block. Main thread only."""
    state = Hangup()
    with _handled(state.handle, (signal.SIGHUP,)):
        yield state


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None], numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Who started the command with SIGHUP ignored (``nohup``) wants it to go on without a terminal."""
    mine = [one for one in numbers if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in mine}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
