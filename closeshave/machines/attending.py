"""The run's side of one load machine: a thread speaks to it, measures its clock, passes on what the trial wants, and fetches its records.

While the load runs, what is recorded is fetched about once a second, so that the rules that end a trial see it; nothing of the load waits for that. When
the machine has ended, what is still lacking is fetched, and every file is compared with its checksum.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import TypeVar

from closeshave.clock import now_ns
from closeshave.files.plaintext import clean
from closeshave.machines.channel import Channel, ChannelLost
from closeshave.machines.dealing import DealtShare
from closeshave.machines.messages import (
    ClockAnswer,
    ClockQuestion,
    Farewell,
    FileTold,
    FromMachine,
    FromRun,
    Hello,
    Leaving,
    MachineStanding,
    Stage,
    SumsTold,
    TellFile,
    TellSums,
)
from closeshave.machines.offsets import OffsetCurve, RoundTrip
from closeshave.machines.recordfiles import GROWING, LOG, ProcessFiles, UnusableRecords
from closeshave.machines.sums import PART_BYTES, FileSums, lacking, sums_of, whole
from closeshave.traffic.redealing import Redeals

ASK_EVERY_S = 0.25
FETCH_EVERY_S = 1.0
REPLY_S = 600.0
"""A machine that computes the checksums of many gigabytes goes on answering other questions meanwhile."""
LIVE_TRIPS = 40
GRANT_NS = 10_000_000_000
"""Where lost shares are dealt again, a machine may begin what is due within this time after it was last heard: longer than the silence after which it
stops by itself, so that no machine that can be reached ever waits for it."""
_Reply = TypeVar("_Reply", FileTold, SumsTold)


@dataclass(slots=True)
class MachineSeat:
    """One load machine in a run, however often its connection ends. Its thread and the trial's use it, each holding :attr:`lock`."""

    hello: Hello
    address: str
    lock: RLock = field(default_factory=RLock)
    stage: Stage = "joined"
    reason: str = ""
    priority: str = ""
    code: int | None = None
    early: bool = False
    """It ended before the load did."""
    connection: int = 0
    """Counts its connections: a thread whose connection is not the newest ends."""
    connected: bool = False
    heard_ns: int = 0
    """When it was last heard."""
    lost_ns: int | None = None
    """Since when it has not been heard; ``None`` while it is."""
    share: DealtShare | None = None
    files: tuple[ProcessFiles, ...] = ()
    start_ns: int | None = None
    """When the load starts, on the machine's own clock."""
    run_start_ns: int | None = None
    """The same instant on this machine's clock; ``None`` where lost shares are not dealt again."""
    granted_ns: int = 0
    """What is due from then on, in nanoseconds after the load's start, it has never been allowed to begin."""
    steps: Redeals = ()
    """All steps by which lost shares were dealt again."""
    redealt_from_ns: int | None = None
    """From then on, in nanoseconds after the load's start, its own share is other machines'."""
    trips: list[RoundTrip] = field(default_factory=list)
    """The best round trip of each second."""
    orders: deque[tuple[FromRun, bytes]] = field(default_factory=deque)
    to_gather: bool = False
    gathered: bool = False
    left: bool = False
    """It has heard that the run is over, and has gone."""
    trouble: str = ""
    """Why its records could not be fetched or used, as a clause after its name."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.hello.name

    def grant(self) -> int | None:
        """Until when it may begin what is due, for its next message; ``None`` where there is no such bound, or nothing more is granted."""
        with self.lock:
            if self.run_start_ns is None or self.redealt_from_ns is not None:
                return None
            self.granted_ns = max(self.granted_ns, self.heard_ns - self.run_start_ns + GRANT_NS)
            return self.granted_ns

    def measured(self, trip: RoundTrip) -> None:
        """Keep a round trip if it is the best of its second."""
        with self.lock:
            if not trip.possible:
                return
            if self.trips and self.trips[-1].at_ns // 10**9 == trip.at_ns // 10**9:
                if trip.uncertainty_ns < self.trips[-1].uncertainty_ns:
                    self.trips[-1] = trip
            else:
                self.trips.append(trip)

    def curve(self, latest: int | None = None) -> OffsetCurve:
        """Its clock, by all round trips or the latest ones. Raises :class:`ValueError` before the first."""
        with self.lock:
            return OffsetCurve(self.trips[-latest:] if latest else self.trips)


class Attendance:
    """One connection to one load machine."""

    def __init__(self, seat: MachineSeat, channel: Channel, logs: Path) -> None:
        self._seat, self._channel, self._logs = seat, channel, logs
        self._mine = seat.connection
        self._number, self._asked = 0, dict[int, int]()
        self._ask_at_s = self._fetch_at_s = 0.0
        self._replies: deque[tuple[FromMachine, bytes]] = deque()

    def attend(self) -> None:
        """Until the connection ends. Raises :class:`ChannelLost`, and :class:`OSError` when this machine's disk cannot take the records."""
        while self._seat.connection == self._mine:
            self._step(0.05)
            if self._seat.stage in {"sending", "ended"} and not self._seat.gathered and time.monotonic() >= self._fetch_at_s:
                self._fetch_at_s = time.monotonic() + FETCH_EVERY_S
                if self._seat.to_gather and self._seat.stage == "ended":
                    self._gather()
                elif self._seat.stage == "sending":
                    self._fetch_new()

    def _step(self, wait_s: float) -> None:
        """Hear one message, ask for the clock, and pass on one order, if it is time for that."""
        seat, now_s = self._seat, time.monotonic()
        if now_s >= self._ask_at_s:
            self._ask_at_s = now_s + ASK_EVERY_S
            self._number += 1
            self._asked[self._number] = now_ns()
            self._channel.send(ClockQuestion(self._number, seat.grant()))
        with seat.lock:
            order = seat.orders.popleft() if seat.orders else None
        if order is not None:
            try:
                self._channel.send(*order)
            except ChannelLost:
                # For the next connection: an order is not forgotten because the network is.
                with seat.lock:
                    seat.orders.appendleft(order)
                raise
            if isinstance(order[0], Farewell):
                self._see_off()
                raise ChannelLost("the run has said farewell")
        heard = self._channel.heard_by_run(0.0 if order else wait_s, seat.heard_ns)
        if heard is None:
            return
        seat.heard_ns = heard.at_ns
        self._take(heard.message, heard.blob, heard.at_ns)

    def _take(self, message: FromMachine, blob: bytes, at_ns: int) -> None:
        seat = self._seat
        match message:
            case ClockAnswer():
                asked_ns = self._asked.pop(message.number, None)
                if asked_ns is not None:
                    seat.measured(RoundTrip(asked_ns, message.received_ns, message.replied_ns, at_ns))
            case MachineStanding():
                with seat.lock:
                    if message.stage == "ended" and seat.stage != "ended":
                        # At once, also when the others go on: a machine that is stopped may soon be gone.
                        seat.to_gather = not seat.gathered
                    seat.stage, seat.reason, seat.code = message.stage, clean(message.reason), message.code
                    seat.priority, seat.early = message.priority, message.early
            case FileTold() | SumsTold():
                self._replies.append((message, blob))
            case Hello():
                raise ChannelLost("it said hello twice")
            case Leaving():
                seat.left = True

    def _see_off(self) -> None:
        """After the farewell, until the machine goes: what it says meanwhile is answers to earlier questions.

        A slow machine still has these before it. If the run hung up at once, it would write its answers to nobody, and take the run for lost without
        having read that it is over. Raises :class:`ChannelLost` as everywhere.
        """
        seat = self._seat
        while not seat.left and seat.connection == self._mine:
            heard = self._channel.heard_by_run(0.05, seat.heard_ns)
            if heard is not None:
                seat.heard_ns = heard.at_ns
                self._take(heard.message, heard.blob, heard.at_ns)

    def _asked_for(self, question: TellFile | TellSums, kind: type[_Reply]) -> tuple[_Reply, bytes]:
        """Ask, and wait for the answer; everything else goes on meanwhile."""
        self._channel.send(question)
        until_s = time.monotonic() + REPLY_S
        while not self._replies:
            self._step(0.05)
            if time.monotonic() > until_s:
                raise ChannelLost(f"no answer for {REPLY_S:g} s")
        message, blob = self._replies.popleft()
        if not isinstance(message, kind):
            raise ChannelLost("an answer to something else")
        return message, blob

    def _fetched(self, name: str, offset: int, size: int) -> bytes:
        told, blob = self._asked_for(TellFile(name, offset, size), FileTold)
        if told.name != name or told.offset != offset or len(blob) > size:
            raise ChannelLost("an answer to something else")
        return blob

    def _fetch_new(self) -> None:
        """What has been recorded since the last time, in the order that keeps it readable."""
        curve = self._seat.curve(LIVE_TRIPS)
        for process in self._seat.files:
            replaced = [name for name in process.names if not name.endswith(GROWING)]
            told = {name: self._fetched(name, 0, PART_BYTES) for name in replaced}
            for suffix in GROWING:
                name = f"{process.name}{suffix}"
                while data := self._fetched(name, at := process.size(name), PART_BYTES):
                    process.write(name, at, data)
                    if len(data) < PART_BYTES:
                        break
            for name, data in told.items():
                if data:
                    process.write(name, 0, data)
                    process.cut(name, len(data))
            try:
                process.show(curve.offsets_ns)
            except UnusableRecords as error:
                self._seat.trouble = f"{process.name} {error}"

    def _gather(self) -> None:
        """Everything that is lacking; only when every file is what its machine says it is, the machine's records are gathered."""
        told, _ = self._asked_for(TellSums(), SumsTold)
        trouble = ""
        for process in self._seat.files:
            for name in process.names:
                wanted = told.files.get(name)
                if wanted is None:
                    process.path(name).unlink(missing_ok=True)
                elif not self._fetch_lacking(process, name, wanted):
                    trouble = f"the file {name} is another one than its checksum says"
        if LOG in told.files:
            (self._logs / f"traffic-customers-{self._seat.name}.log").write_bytes(self._fetched(LOG, 0, PART_BYTES))
        with self._seat.lock:
            self._seat.trouble = trouble
            self._seat.gathered = not trouble
            self._seat.to_gather = False

    def _fetch_lacking(self, process: ProcessFiles, name: str, wanted: FileSums) -> bool:
        if not whole(wanted):
            return False
        path = process.path(name)
        for part in lacking(path, wanted):
            process.write(name, part.offset, self._fetched(name, part.offset, part.size))
        process.cut(name, wanted.size)
        return sums_of(path).sha256 == wanted.sha256
