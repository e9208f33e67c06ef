"""Linux timerfd: a timer as a file descriptor, so that one epoll waits for both sockets and instants.

Python has it since 3.13 only (``os.timerfd_create``); until then libc is called directly.
"""

from __future__ import annotations

import ctypes
import os

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = 0o4000
_TFD_CLOEXEC = 0o2000000
_TFD_TIMER_ABSTIME = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class TimerFd:
    """One timer on ``CLOCK_MONOTONIC``, the clock of :func:`time.monotonic_ns`."""

    __slots__ = ("_spec", "_spec_pointer", "fd")

    def __init__(self) -> None:
        """Create it, unarmed. Raises :class:`OSError`."""
        self.fd = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _Itimerspec()
        self._spec_pointer = ctypes.byref(self._spec)

    def arm(self, at_ns: int) -> None:
        """Become readable at ``at_ns`` (monotonic nanoseconds), at once if that is past; replaces the instant set before. Raises :class:`OSError`."""
        # A value of zero would disarm it.
        self._spec.value_s, self._spec.value_ns = divmod(max(at_ns, 1), 1_000_000_000)
        if _libc.timerfd_settime(self.fd, _TFD_TIMER_ABSTIME, self._spec_pointer, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def drain(self) -> None:
        """Read the expiry, so that the descriptor is not readable any more."""
        try:
            os.read(self.fd, 8)
        except BlockingIOError:
            # Re-armed between the wake-up and now: nothing to take out.
            return

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)
