"""What a region's balancer tells of each request when it is over: which instance answered it, how, how long it took, and what release the answer names.

HAProxy keeps these lines in a ring in its memory, whose oldest it forgets, and writes them to no disk. Its runtime API sends new ones as they come.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event, Thread
from types import TracebackType
from typing import Self

from closeshave.clients.address import HOST
from closeshave.clients.balancer import Unavailable
from closeshave.clients.haproxy import TIMEOUT_S
from closeshave.deployment import Balancer

RING = "requests"
"""The name of the ring in a balancer's settings."""
RELEASE = "txn.release"
"""The variable of HAProxy that holds the release that an answer names."""
LINE = f"request %s %ST %Ta %tsc %HM %HPO %[var({RELEASE})]"
"""The format of a line: instance, status, milliseconds from the first byte of the request to the last of the answer, ending, method, path, release."""
_TOLD = re.compile(r"request (\S+) (-?\d+) \+?(-?\d+) (\S+) (\S+) (\S+) ?(.*)")
_NAMED = re.compile(r"v\d{1,2}")
MOST_LETTERS = 32
"""A longer part of a path is no name."""
LOOK_EVERY_S = 0.2
AGAIN_AFTER_S = 0.2


@dataclass(frozen=True, slots=True)
class BalancedRequest:
    """A request that is over."""

    ended_s: float
    """When its line came, on the monotonic clock, in seconds."""
    region: str
    instance: str
    endpoint: str
    """Method and path, with ``*`` for numbers and other parts that are no names."""
    status: int
    """Of the answer that the customer got; -1 if it got none."""
    took_s: float
    given_up: bool
    """The customer's side ended it: nothing can be said of who should have answered it."""
    release: str
    """What the answer says; empty if it says nothing."""


def parsed(line: str, region: str, ended_s: float) -> BalancedRequest | None:
    """A line as a request; ``None`` for any other line. Pure."""
    found = _TOLD.fullmatch(line.strip())
    if found is None:
        return None
    instance, status, took_ms, ending, method, path, release = found.groups()
    return BalancedRequest(
        ended_s=ended_s,
        region=region,
        instance=instance,
        endpoint=f"{method} {plain_path(path)}",
        status=int(status),
        took_s=max(0, int(took_ms)) / 1000,
        given_up=ending[:1] in {"C", "c"},
        release="" if release == "-" else release,
    )


def plain_path(path: str) -> str:
    """A path whose parts that are no names are ``*``: ``/api/v2/bookings/17`` is ``/api/v2/bookings/*``. Pure."""
    return "/".join(part if _is_name(part) else "*" for part in path.split("/"))


def _is_name(part: str) -> bool:
    return bool(_NAMED.fullmatch(part)) or (len(part) <= MOST_LETTERS and not any(letter.isdigit() for letter in part))


class BalancerLog:
    """Follows the lines of several balancers from now on, in a thread of its own."""

    def __init__(self, balancers: Iterable[Balancer]) -> None:
        """Connect to all of them. Raises :class:`closeshave.clients.balancer.Unavailable`."""
        self.losses = 0
        """How often a connection was lost and made again: lines in between are not known."""
        self._taken: deque[BalancedRequest] = deque()
        self._over = Event()
        self._selector = selectors.DefaultSelector()
        self._rests: dict[str, bytes] = {}
        try:
            for balancer in balancers:
                self._follow(balancer)
        except Unavailable:
            self._close()
            raise
        self._thread = Thread(target=self._read, name="balancers' requests", daemon=True)
        self._thread.start()

    def taken(self) -> list[BalancedRequest]:
        """Every request that is over since the last call."""
        return [self._taken.popleft() for _ in range(len(self._taken))]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Follow them no longer."""
        self._over.set()
        self._thread.join()
        self._close()

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr] # only sockets are registered
        self._selector.close()

    def _follow(self, balancer: Balancer) -> None:
        try:
            connection = socket.create_connection((HOST, balancer.admin_port), TIMEOUT_S)
            # Wait for lines (-w), and only new ones (-n): HAProxy's management guide.
            connection.sendall(f"show events {RING} -w -n\n".encode())
        except OSError as error:
            raise Unavailable(f"the balancer of {balancer.region} does not answer at port {balancer.admin_port}: {error}") from None
        connection.setblocking(False)
        self._rests[balancer.region] = b""
        self._selector.register(connection, selectors.EVENT_READ, balancer)

    def _read(self) -> None:
        lost: list[Balancer] = []
        while not self._over.is_set():
            for key, _ in self._selector.select(LOOK_EVERY_S):
                if not self._took(key.fileobj, key.data):  # type: ignore[arg-type] # only sockets are registered
                    lost.append(key.data)
            if lost:
                lost = [balancer for balancer in lost if not self._again(balancer)]

    def _took(self, connection: socket.socket, balancer: Balancer) -> bool:
        """Take what there is; whether the connection is still there. HAProxy ends one on which nothing happened for ten seconds."""
        try:
            got = connection.recv(1 << 18)
        except BlockingIOError:
            return True
        except OSError:
            got = b""
        if not got:
            self._selector.unregister(connection)
            connection.close()
            return False
        now_s = time.monotonic()
        *lines, self._rests[balancer.region] = (self._rests[balancer.region] + got).split(b"\n")
        self._taken.extend(found for line in lines if (found := parsed(line.decode(errors="replace"), balancer.region, now_s)) is not None)
        return True

    def _again(self, balancer: Balancer) -> bool:
        try:
            self._follow(balancer)
        except Unavailable:
            self._over.wait(AGAIN_AFTER_S)
            return False
        self.losses += 1
        return True
