"""An operator's stop: the first signal ends the trial in order, and later ones cannot disturb the clean-up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Raised once in the main thread at the operator's signal. Not an Exception, so that no handler catches it by accident."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")


class Interrupts:
    """While active, the first stopping signal raises :class:`Interrupted`; after :meth:`shield` signals are only noted."""

    def __init__(self, say: Callable[[str], None], outlook: Callable[[], str] = lambda: "") -> None:
        self._say = say
        self._outlook = outlook
        self._raising = True
        self.received: str | None = None
        """The name of the first signal, also if it came after :meth:`shield`."""

    def shield(self) -> None:
        """Called before the clean-up: from now on signals do not raise."""
        self._raising = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.received is None:
            self.received = signal.Signals(number).name
        if self._raising:
            self._raising = False
            raise Interrupted(number)
        self._say(f"already stopping; {self._outlook() or 'faults are healed and everything is cleaned up first'}")


@contextmanager
def interrupts(say: Callable[[str], None], outlook: Callable[[], str] = lambda: "") -> Iterator[Interrupts]:
    """Install the handlers for the duration of the block. Main thread only. ``outlook`` says what is done now and what is left to do, for an operator
    who asks again."""
    state = Interrupts(say, outlook)
    before = {number: signal.signal(number, state.handle) for number in STOPPING}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
