"""The run's side of all its load machines: where they join, what they are told, and what is known of each."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock, Thread

from closeshave.clock import now_ns
from closeshave.machines.attending import Attendance, MachineSeat
from closeshave.machines.channel import HANDSHAKE_S, Channel, ChannelLost, numeric
from closeshave.machines.credentials import RunCredentials
from closeshave.machines.messages import DealAgain, Farewell, FromRun, Hello, JoinRefusal, StopLoad, Welcome
from closeshave.machines.refusals import ExpectedMachines, refusal

STRANGERS_MAX = 16
"""Connections at the same time of which nobody knows yet whose they are."""
TOLD_MAX = 100
"""So many sentences about refused connections are told; a scanner must not fill a disk."""
LEAVE_S = 10.0
"""How long a run that is over listens for machines that have not heard it yet: they may be slow, or may just be coming back."""
END_S = 3.0
_BACKLOG = 32


@dataclass(frozen=True, slots=True)
class MachineNews:
    """Something that happened to a load machine, for people."""

    machine: str
    """Its name, or its address while it has none."""
    said: str
    lasting: bool
    """Whether it belongs into the history of the run."""


class MachinesFailed(Exception):
    """The load machines that a run expects cannot be had. The message is one sentence."""


class LoadMachines:
    """Listens for load machines, and attends to each in a thread of its own."""

    def __init__(self, expected: ExpectedMachines, credentials: RunCredentials, logs: Path) -> None:
        self._expected, self._logs = expected, logs
        self._context = credentials.context()
        self.seats: dict[str, MachineSeat] = {}
        self._lock = Lock()
        self._strangers = BoundedSemaphore(STRANGERS_MAX)
        self._news: SimpleQueue[MachineNews] = SimpleQueue()
        self._told = 0
        self._dealt = self._closing = False
        self._over: str | None = None
        """Why the run is over, empty where there is no special reason; ``None`` while it is not."""
        self._threads: list[Thread] = []
        self._listener: socket.socket | None = None

    def listen(self, host: str, port: int) -> str:
        """Listen at one address alone; returns it with its port, as ``--master`` takes it. Raises :class:`MachinesFailed`."""
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self._listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        except OSError as error:
            raise MachinesFailed(f"load machines cannot join at {host} port {port}: {error.strerror or error}") from None
        self._listener.settimeout(0.2)
        self._run(self._accept, self._listener)
        return numeric(self._listener.getsockname())

    def news(self) -> list[MachineNews]:
        """What has happened since the last call."""
        found = []
        with suppress(Empty):
            while True:
                found.append(self._news.get_nowait())
        return found

    def deal(self) -> dict[str, MachineSeat]:
        """From now on nobody else joins. Returns the seats by name."""
        with self._lock:
            self._dealt = True
            return dict(self.seats)

    @property
    def joined(self) -> int:
        """How many take part."""
        with self._lock:
            return len(self.seats)

    def tell_all(self, message: FromRun) -> None:
        """Tell every machine, as soon as it is connected."""
        with self._lock:
            seats = list(self.seats.values())
        for seat in seats:
            with seat.lock:
                seat.orders.append((message, b""))

    def told(self, machine: str, said: str) -> None:
        """Something happened to a machine that belongs into the history."""
        self._news.put(MachineNews(machine, said, lasting=True))

    def close(self, reason: str = "", within_s: float = LEAVE_S) -> None:
        """Take leave of all machines, and listen no more.

        One that was lost a moment ago is waited for if the run has its records: it would otherwise take the run for lost, although nothing is lacking. For
        one whose records are lacking the run has waited before.
        """
        with self._lock:
            self._over = reason
            seats = list(self.seats.values())
        for seat in seats:
            with seat.lock:
                seat.orders.append((Farewell(seat.gathered, reason), b""))
        until_s = time.monotonic() + within_s
        while any(_may_leave(seat, within_s) for seat in seats) and time.monotonic() < until_s:
            time.sleep(0.02)
        self._closing = True
        for seat in seats:
            seat.connection += 1
        for thread in self._threads:
            thread.join(END_S)

    # -- threads ---------------------------------------------------------------------------------------------------------------------------

    def _run(self, act: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=act, args=arguments, daemon=True, name="load machines")
        self._threads = [each for each in self._threads if each.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while not self._closing:
                try:
                    plain, address = listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    # No descriptor is free, or who called has gone: the next one may be welcome.
                    time.sleep(0.1)
                    continue
                if self._strangers.acquire(blocking=False):
                    self._run(self._meet, plain, numeric(address))
                else:
                    plain.close()

    def _meet(self, plain: socket.socket, address: str) -> None:
        channel = seat = None
        try:
            try:
                channel = self._greeted(plain, address)
                seat = None if channel is None else self._seated(channel, address)
            finally:
                self._strangers.release()
            if channel is not None and seat is not None:
                self._attend(seat, channel)
        finally:
            if channel is not None:
                channel.close()
            plain.close()

    def _greeted(self, plain: socket.socket, address: str) -> Channel | None:
        plain.settimeout(HANDSHAKE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            return Channel(self._context.wrap_socket(plain, server_side=True))
        except (OSError, ValueError) as error:
            reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
            self._refused(address, f"it has no certificate of this run ({reason})")
            return None

    def _seated(self, channel: Channel, address: str) -> MachineSeat | None:
        try:
            heard = channel.heard_by_run(HANDSHAKE_S)
            hello = None if heard is None else heard.message
            if not isinstance(hello, Hello):
                self._refused(address, "it did not say who it is")
                return None
            with self._lock:
                instances = {name: seat.hello.instance for name, seat in self.seats.items()}
                reason = refusal(hello, self._expected, instances, dealt=self._dealt)
                if not reason and self._over is not None and hello.name not in instances:
                    reason = "the run is over"
                seat = None if reason else self._seat(hello, address)
            if seat is None:
                self._refused(address, reason)
                channel.send(JoinRefusal(reason))
                return None
            channel.trust()
            channel.send(Welcome())
        except ChannelLost as error:
            self._refused(address, str(error))
            return None
        return seat

    def _seat(self, hello: Hello, address: str) -> MachineSeat:
        seat = self.seats.get(hello.name)
        if seat is None:
            seat = self.seats[hello.name] = MachineSeat(hello, address)
            self._news.put(MachineNews(hello.name, f"has joined from {address}", lasting=False))
        with seat.lock:
            if self._over is None:
                self._back(seat)
            else:
                # It may have been told already, and not have come to reading it.
                seat.orders.clear()
                seat.orders.append((Farewell(seat.gathered, self._over), b""))
            seat.connection += 1
            seat.connected, seat.lost_ns, seat.heard_ns = True, None, now_ns()
        return seat

    def _back(self, seat: MachineSeat) -> None:
        if seat.lost_ns is not None:
            away_s = (now_ns() - seat.lost_ns) / 1e9
            self._news.put(MachineNews(seat.name, f"is back after {away_s:.1f} s", lasting=True))
        if seat.steps:
            # What was sent just before the connection ended may never have come.
            seat.orders.append((DealAgain(seat.steps), b""))
        if seat.redealt_from_ns is not None:
            seat.orders.append((StopLoad(), b""))

    def _attend(self, seat: MachineSeat, channel: Channel) -> None:
        mine, why = seat.connection, "the run attends to its newer connection"
        try:
            Attendance(seat, channel, self._logs).attend()
        except ChannelLost as error:
            why = str(error)
        except OSError as error:
            why = f"its records cannot be kept: {error}"
            seat.trouble = why
        with seat.lock:
            if seat.connection != mine:
                return
            seat.connected, seat.lost_ns = False, seat.heard_ns
        leaving = self._over is not None or (seat.gathered and seat.stage in {"ended", "failed"})
        if not leaving:
            self._news.put(MachineNews(seat.name, f"is lost: {why}", lasting=True))

    def _refused(self, address: str, reason: str) -> None:
        self._told += 1
        if self._told <= TOLD_MAX:
            self._news.put(MachineNews(address, f"was refused: {reason}", lasting=False))


def _may_leave(seat: MachineSeat, within_s: float) -> bool:
    """Whether a machine has not heard yet that the run is over, and may soon."""
    with seat.lock:
        if seat.left:
            return False
        if seat.lost_ns is None:
            return seat.connected
        return seat.gathered and now_ns() - seat.lost_ns < within_s * 1e9
