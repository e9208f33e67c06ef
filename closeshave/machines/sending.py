"""The load machines as one generator of the customers' load: what :class:`closeshave.traffic.generator.Generator` is for processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.machines import planfiles
from closeshave.machines.attending import MachineSeat
from closeshave.machines.dealing import deal
from closeshave.machines.master import LoadMachines, MachinesFailed
from closeshave.machines.messages import EndLoad, GoAt, PrepareShare, StopLoad
from closeshave.machines.offsets import ClockOffset
from closeshave.machines.planfiles import FilesDiffer
from closeshave.machines.recordfiles import ProcessFiles
from closeshave.traffic.generator import GeneratorFailed
from closeshave.traffic.load import Load, json_of
from closeshave.traffic.priority import Priority
from closeshave.traffic.runfiles import RECORDS, SenderKind

POLL_S = 0.05
STOP_S = 12.0
"""Seconds within which a machine that can be reached has stopped, or one that cannot be has stopped by itself."""
GATHER_S_MAX = 3600.0
FETCHED = "fetched"


@dataclass(slots=True)
class MachinesGenerator:
    """All load machines, from dealt to ended."""

    machines: LoadMachines
    seats: dict[str, MachineSeat]
    load: Load
    """The whole load."""
    tell: Callable[[], None]
    """Shows what has happened to machines. Called from the trial's own thread."""
    start_ns: int | None = None
    kind: SenderKind = "customers"

    @classmethod
    def start(cls, machines: LoadMachines, load: Load, plan_directory: Path, tell: Callable[[], None]) -> MachinesGenerator:
        """Deal the arrivals, and have every machine prepare. Raises :class:`GeneratorFailed`, and :class:`OSError`."""
        seats = machines.deal()
        run = Path(load.run)
        try:
            told = planfiles.below(load, plan_directory)
            digests = planfiles.digests(planfiles.placed(told, plan_directory), plan_directory)
        except FilesDiffer as error:
            raise GeneratorFailed(str(error)) from None
        accounts = Path(load.tokens).read_bytes() if Path(load.tokens).is_file() else b""
        authority = Path(load.authority).read_text(encoding="ascii") if load.authority else ""
        fetched = run / RECORDS / FETCHED
        fetched.mkdir(parents=True, exist_ok=True)
        (run / "logs").mkdir(exist_ok=True)
        for share in deal({name: seat.hello.processes or load.traffic.processes for name, seat in seats.items()}):
            seat = seats[share.machine]
            traffic = replace(told.traffic, processes=share.processes)
            part = replace(told, traffic=traffic, first=share.first, among=share.among, leased=True)
            with seat.lock:
                seat.share = share
                seat.files = tuple(ProcessFiles(index, fetched, run / RECORDS) for index in share.indices)
                seat.orders.append((PrepareShare(json_of(part), authority, digests), accounts))
        return cls(machines, seats, load, tell)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until all machines could start. Raises :class:`GeneratorFailed` when one cannot, or is not ready after ``timeout_s``."""
        until_s = time.monotonic() + timeout_s
        while any(seat.stage != "ready" for seat in self.seats.values()):
            self.tell()
            for name, seat in self.seats.items():
                if seat.stage in {"failed", "ended"}:
                    raise GeneratorFailed(f"load machine {name} cannot send its share: {seat.reason}")
                if seat.lost_ns is not None and now_ns() - seat.lost_ns > STOP_S * 1e9:
                    raise GeneratorFailed(f"load machine {name} was lost before the load began")
            if time.monotonic() > until_s:
                late = ", ".join(name for name, seat in self.seats.items() if seat.stage != "ready")
                raise GeneratorFailed(f"load machines are not ready after {timeout_s:g} s: {late}")
            time.sleep(POLL_S)

    @property
    def priority(self) -> Priority:
        """The lowest priority of any machine's senders."""
        held = {seat.priority for seat in self.seats.values()}
        return next((each for each in reversed(Priority) if each.value in held), Priority.NONE)

    def go(self, start_ns: int) -> None:
        """Start at this instant of this machine's clock: each is told that of its own."""
        self.start_ns = start_ns
        for seat in self.seats.values():
            offset = seat.curve().at(now_ns())
            with seat.lock:
                seat.start_ns = start_ns + offset.offset_ns
                seat.orders.append((GoAt(seat.start_ns), b""))

    def end(self) -> None:
        """The load is over for everybody, earlier than planned."""
        self.machines.tell_all(EndLoad())

    def poll(self) -> int | None:
        """0 when every machine has ended, the code of one that failed, 1 when all are lost; ``None`` while any of them sends, or may still."""
        self.tell()
        if self.sending:
            return None
        codes = [seat.code for seat in self.seats.values() if seat.code]
        return codes[0] if codes else int(all(seat.lost_ns is not None for seat in self.seats.values()))

    @property
    def sending(self) -> bool:
        """Whether any machine sends, as far as is known. One that cannot be reached has stopped by itself after a while."""
        return any(
            seat.stage in {"preparing", "ready", "sending"} and (seat.lost_ns is None or now_ns() - seat.lost_ns < STOP_S * 1e9)
            for seat in self.seats.values()
        )

    def finish(self, timeout_s: float) -> int:
        """Wait until all have ended by themselves, stop them after ``timeout_s``; the exit code as :meth:`poll`."""
        self._wait(timeout_s)
        return self.stop()

    def stop(self) -> int:
        """Stop all machines, and wait until they have stopped."""
        if self.sending:
            self.machines.tell_all(StopLoad())
            self._wait(STOP_S)
        return self.poll() or 0

    def gather(self, away_s: float) -> None:
        """Fetch what is lacking of every machine's records, however long that takes; one that cannot be reached is waited for ``away_s`` seconds."""
        for seat in self.seats.values():
            with seat.lock:
                seat.to_gather = not seat.gathered and seat.stage in {"sending", "ended"} and seat.start_ns is not None
        began_s = time.monotonic()
        while waiting := [seat for seat in self.seats.values() if seat.to_gather]:
            waited_s = time.monotonic() - began_s
            if waited_s > GATHER_S_MAX or (waited_s > away_s and not any(seat.connected for seat in waiting)):
                break
            self.tell()
            time.sleep(POLL_S)

    def offset(self, seat: MachineSeat) -> ClockOffset:
        """A machine's clock at the start of the load, with the largest uncertainty of the whole load. Raises :class:`ValueError`."""
        curve, start_ns = seat.curve(), self.start_ns or now_ns()
        worst_ns = curve.worst_uncertainty_ns(start_ns, start_ns + round(self.load.duration_s * 1e9))
        return replace(curve.at(start_ns), uncertainty_ns=worst_ns)

    def _wait(self, timeout_s: float) -> None:
        until_s = time.monotonic() + timeout_s
        while self.sending and time.monotonic() < until_s:
            self.tell()
            time.sleep(POLL_S)


def await_joined(machines: LoadMachines, expected: int, timeout_s: float, tell: Callable[[], None]) -> None:
    """Wait for all load machines. Raises :class:`MachinesFailed` when they have not joined after ``timeout_s``."""
    until_s = time.monotonic() + timeout_s
    while machines.joined < expected:
        tell()
        if time.monotonic() > until_s:
            raise MachinesFailed(f"{machines.joined} of {expected} load machines joined within {timeout_s:g} s; nothing was started")
        time.sleep(POLL_S)
    tell()
