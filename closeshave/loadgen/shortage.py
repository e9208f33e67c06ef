"""Whether this machine lacked something: then a failed request says nothing about the platform.

Most shortages have their own error number. Two do not: if the C library cannot open a descriptor for a name look-up, it reports *name unknown* or
*try again*, and a machine without an address of a family reports the same number as for *no port left*.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from gevent.monkey import get_original

NUMBERS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""Errors for: no descriptor left for the process or the machine, no port, no buffer, no memory."""

LOOK_UP_NEEDS = 4
"""The number of descriptors that a name look-up needs at once: files that it reads, sockets to name servers."""

_raw_socket = get_original("socket", "socket")


def is_shortage(error: BaseException) -> bool:
    """Whether ``error`` means that this machine lacked something. Cheap; for the number of *no port left* see :func:`of_ports`."""
    if isinstance(error, OSError):
        return error.errno in NUMBERS
    # The interpreter has no class of its own for a thread that the system does not grant.
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't start new thread" in str(error))


def of_ports(family: int, address: Any) -> bool:
    """Whether *address not available* for ``address`` means that no port is left, and not that this machine has no address of this family.

    Tested with a datagram socket: connecting it sends nothing and also needs an address, but uses other ports.
    """
    try:
        with _raw_socket(family, socket.SOCK_DGRAM) as trial:
            trial.connect(address)
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL and error.errno in NUMBERS
    return True


def of_descriptors() -> bool:
    """Whether this process cannot open the descriptors for a look-up, whatever error the look-up reported."""
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
