"""Connections to one origin, kept open between requests: one pool for all customers, or one for each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import gevent
from greenlet import getcurrent

from closeshave.loadgen.connection import Connection
from closeshave.loadgen.dns import Address, Resolver
from closeshave.loadgen.errors import Reason, TransportError
from closeshave.loadgen.loop import NEVER_NS, Loop
from closeshave.loadgen.parser import HeadMemo
from closeshave.loadgen.proxy import RequestProxy
from closeshave.loadgen.shortage import of_descriptors
from closeshave.loadgen.tls import TlsLayer, TlsSessions
from closeshave.loadgen.wire import Origin


class Connector:
    """Opens connections: resolves the name, tries its addresses, opens a tunnel, starts TLS."""

    def __init__(self, loop: Loop, resolver: Resolver, sessions: TlsSessions, proxy: RequestProxy | None = None) -> None:
        self.loop, self.resolver, self.sessions, self.proxy = loop, resolver, sessions, proxy
        self.opened = 0

    def connect(self, origin: Origin, memo: HeadMemo, due_ns: int) -> Connection:
        """A connection to the first address that accepts one by ``due_ns``. Raises :class:`TransportError`; then nothing was sent.

        If this machine lacked something for one of them, that is the reported reason, because it is unknown whether that address would have worked.
        """
        short: TransportError | None = None
        via = self._via(origin)
        at = origin if via is None else via.itself
        addresses = self._addresses(at, due_ns, Reason.DNS if via is None else Reason.PROXY)
        for index, address in enumerate(addresses):
            # Each address gets its part of the time that is left, so that one that drops packets does not use up the time of the others.
            now_ns = time.monotonic_ns()
            own_due_ns = now_ns + (due_ns - now_ns) // (len(addresses) - index)
            try:
                return self._connect(origin, address, memo, own_due_ns)
            except TransportError as error:
                if error.reason is Reason.SHORTAGE:
                    short = short or error
                else:
                    self.resolver.failed(at.host, at.port, address)
                if index == len(addresses) - 1 or error.reason is Reason.TLS:
                    raise short or error from error.__cause__
        raise TransportError(Reason.DNS if via is None else Reason.PROXY, f"{at.host} has no address", sent=False)

    def _via(self, origin: Origin) -> RequestProxy | None:
        return self.proxy if self.proxy is not None and origin.host in self.proxy.hosts else None

    def _connect(self, origin: Origin, address: Address, memo: HeadMemo, due_ns: int) -> Connection:
        via = self._via(origin)
        layer = self._layer(origin) if origin.tls else None
        connection = Connection(self.loop, address[0], memo)
        try:
            connection.connect(address, due_ns, layer, via.tunnel(origin) if via else b"")
        except TransportError as error:
            if via is None or connection.stands or error.reason is Reason.SHORTAGE:
                raise
            raise TransportError(Reason.PROXY, f"{via.host}:{via.port}: {error}", sent=False) from error.__cause__
        self.opened += 1
        return connection

    def _addresses(self, origin: Origin, due_ns: int, otherwise: Reason) -> list[Address]:
        """Resolve the name in time: a name server may answer too late."""
        late = gevent.Timeout(max(0.001, (due_ns - time.monotonic_ns()) / 1e9))
        try:
            with late:
                return self.resolver.resolve(origin.host, origin.port)
        except gevent.Timeout as error:
            if error is not late:
                raise
            raise TransportError(otherwise, f"{origin.host} was not resolved in time", sent=False) from None
        except TransportError as error:
            if error.reason is not Reason.DNS:
                raise
            raise TransportError(otherwise, str(error), sent=False) from error.__cause__

    def _layer(self, origin: Origin) -> TlsLayer:
        """The TLS layer of a new connection. The first one reads the authorities; without a descriptor for that, no later one would trust any server."""
        if not self.sessions.ready and of_descriptors():
            raise TransportError(Reason.SHORTAGE, "no descriptor to read the authorities with", sent=False)
        try:
            return self.sessions.layer(origin)
        except ValueError as error:
            raise TransportError(Reason.TLS, f"{origin.host} is not a valid name for a certificate: {error}", sent=False) from error


@dataclass(slots=True, eq=False)
class _Waiter:
    """A greenlet that waits for a connection of a bounded pool, or for permission to open one."""

    wake: Callable[[object], object]
    deadline_ns: int
    watched_ns: int = NEVER_NS
    granted: bool = False
    expired: bool = False
    connection: Connection | None = None

    def expire(self) -> None:
        self.expired = True
        self.wake(None)

    def resume(self) -> None:
        # A greenlet that was killed after the grant may be asleep somewhere else by now.
        if not self.expired:
            self.wake(None)


class Pool:
    """Connections, idle ones in the order of their last use; with ``limit`` at most so many, and waiting requests are served in order."""

    def __init__(self, connector: Connector, origin: Origin, limit: int | None = None) -> None:
        """Raises :class:`ValueError` for a limit below 1."""
        if limit is not None and limit < 1:
            raise ValueError(f"a pool of {limit} connections")
        self._connector, self._origin, self._limit = connector, origin, limit
        self._memo = HeadMemo()
        self.idle: list[Connection] = []
        """Idle connections, for :meth:`take` and the client's hot path; the server may have closed some."""
        self._waiting: deque[_Waiter] = deque()
        self._closed = False
        self.bounded = limit is not None
        self.size = 0
        """Connections that are open or being opened."""

    def take(self, due_ns: int) -> Connection:
        """An open connection for this greenlet until it is given back. Raises :class:`TransportError` at ``due_ns``; then nothing was sent."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if connection.open:
                return connection
        if self._limit is not None and self.size >= self._limit:
            return self._wait(due_ns)
        return self._open(due_ns)

    def give(self, connection: Connection, reusable: bool) -> None:
        """Give back a connection after an answer; one that failed has closed itself and is not given back."""
        tls = connection.tls
        if reusable and tls is None and not self._waiting and not self._closed:
            self.idle.append(connection)
            return
        if not reusable or self._closed:
            connection.close()
            return
        if tls is not None and not tls.remembered:
            tls.remembered = True
            self._connector.sessions.remember(self._origin, tls)
        if not (self._waiting and self._grant(connection)):
            self.idle.append(connection)

    def close(self) -> None:
        """Close idle connections now, and all others when they are given back."""
        self._closed = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()

    def _open(self, due_ns: int) -> Connection:
        self.size += 1
        try:
            connection = self._connector.connect(self._origin, self._memo, due_ns)
        except BaseException:
            self._lost_one()
            raise
        connection.on_close = self._lost_one
        return connection

    def _lost_one(self) -> None:
        self.size -= 1
        if self._waiting and not self._closed:
            self._grant(None)

    def _grant(self, connection: Connection | None) -> bool:
        """Give ``connection``, or the permission to open one, to the first waiting greenlet; returns whether there was one.

        Through the hub: a greenlet that switched directly to another one would never be resumed.
        """
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.expired:
                waiter.granted, waiter.connection = True, connection
                self._connector.loop.forget(waiter)
                gevent.get_hub().loop.run_callback(waiter.resume)
                return True
        return False

    def _wait(self, due_ns: int) -> Connection:
        loop = self._connector.loop
        waiter = _Waiter(getcurrent().switch, due_ns)
        self._waiting.append(waiter)
        loop.watch(waiter)
        try:
            loop.pause()
        except BaseException:
            waiter.expired = True
            loop.forget(waiter)
            if waiter.granted:
                self._pass_on(waiter.connection)
            raise
        if not waiter.granted:
            raise TransportError(Reason.POOL_TIMEOUT, f"all {self._limit} connections busy", sent=False)
        if waiter.connection is not None and waiter.connection.open:
            return waiter.connection
        # The permission, or a connection that the server has closed since: either way there is room for one.
        return self.take(due_ns)

    def _pass_on(self, connection: Connection | None) -> None:
        if connection is not None and connection.open:
            self.give(connection, True)
        elif self._waiting:
            self._grant(None)
