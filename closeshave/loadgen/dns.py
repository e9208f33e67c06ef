"""Resolves names: one look-up per interval, however many connections are opened."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent.socket
from gevent.lock import RLock

from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.shortage import is_shortage, of_descriptors

DEFAULT_INTERVAL_S = 30.0

Address = tuple[int, Any]
"""Address family and socket address."""

Lookup = Callable[[str, int], list[Any]]
"""Like :func:`socket.getaddrinfo` for a stream socket."""


def _look_up(host: str, port: int) -> list[Any]:
    # gevent's goes through a thread pool, so that a slow name server does not stop the worker.
    return list(gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def _literal(host: str, port: int) -> Address | None:
    """An address in numbers needs no look-up and no thread for it."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return (socket.AF_INET, (host, port)) if version == 4 else (socket.AF_INET6, (host, port, 0, 0))


def _says_memory(error: OSError) -> bool:
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_MEMORY


@dataclass(slots=True)
class _Entry:
    addresses: list[Address] = field(default_factory=list)
    fresh_until_s: float = 0.0


class Resolver:
    """Keeps addresses for an interval, in the order in which they last worked."""

    def __init__(
        self, interval_s: float = DEFAULT_INTERVAL_S, lookup: Lookup = _look_up, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_s, self._lookup, self._clock = interval_s, lookup, clock
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._lock = RLock()

    def resolve(self, host: str, port: int) -> list[Address]:
        """Addresses to try, in order. When a look-up fails, the old addresses stay in use; without any, raises :class:`TransportError`."""
        entry = self._entries.get((host, port))
        if entry is not None and entry.fresh_until_s > self._clock():
            return entry.addresses
        if (literal := _literal(host, port)) is not None:
            self._entries[host, port] = _Entry([literal], float("inf"))
            return [literal]
        # One look-up, however many wait for it.
        with self._lock:
            entry = self._entries.setdefault((host, port), _Entry())
            if entry.fresh_until_s <= self._clock():
                self._refresh(entry, host, port)
        return entry.addresses

    def failed(self, host: str, port: int, address: Address) -> None:
        """Note that ``address`` could not be connected to: others are tried first from now on."""
        entry = self._entries.get((host, port))
        if entry is not None and len(entry.addresses) > 1 and address in entry.addresses:
            entry.addresses = [other for other in entry.addresses if other != address] + [address]

    def _refresh(self, entry: _Entry, host: str, port: int) -> None:
        try:
            found = self._lookup(host, port)
        except (OSError, MemoryError, RuntimeError, UnicodeError) as error:
            # UnicodeError: the name has a label that no name can have.
            if not isinstance(error, OSError | UnicodeError) and not is_shortage(error):
                raise
            if not entry.addresses:
                short = is_shortage(error) or (isinstance(error, OSError) and _says_memory(error)) or of_descriptors()
                raise TransportError(Reason.SHORTAGE if short else Reason.DNS, f"{host}: {error}", sent=False) from error
        else:
            entry.addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        entry.fresh_until_s = self._clock() + self._interval_s
