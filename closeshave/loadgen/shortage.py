"""Is it this machine that ran out of something? Then a request that failed says nothing about the platform.

Most shortages say so by their error number. Two do not: the C library tells that it could not open a descriptor as *name unknown* or *try again*,
and a machine without an address of a family refuses a connection by the very number that stands for *no port left*.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from gevent.monkey import get_original

NUMBERS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""No descriptor left for the process or the machine, no port, no buffer, no memory."""

LOOK_UP_NEEDS = 4
"""Descriptors that a look-up of a name holds at once: files that it reads, sockets to name servers."""

_raw_socket = get_original("socket", "socket")


def is_shortage(error: BaseException) -> bool:
    """Whether ``error`` says that this machine, not the other side, could not go on. Cheap; for the number of *no port left* see :func:`of_ports`."""
    if isinstance(error, OSError):
        return error.errno in NUMBERS
    # The interpreter has no class of its own for a thread that the system does not grant.
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't start new thread" in str(error))


def of_ports(family: int, address: Any) -> bool:
    """Whether *address not available* on the way to ``address`` means that no port is left, rather than that this machine has no address there.

    Connecting a datagram socket sends nothing and needs an address just the same, but its ports are others.
    """
    try:
        with _raw_socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect(address)
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL and error.errno in NUMBERS
    return True


def of_descriptors() -> bool:
    """Whether this process cannot open what a look-up needs, whatever the look-up itself said."""
    held: list[int] = []
    try:
        for _ in range(LOOK_UP_NEEDS):
            held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - what was opened is closed whatever happens
    except OSError as error:
        return error.errno in NUMBERS
    finally:
        for descriptor in held:
            os.close(descriptor)
    return False
