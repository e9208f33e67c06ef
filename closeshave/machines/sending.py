"""The load machines as one generator of the customers' load: what :class:`closeshave.traffic.generator.Generator` is for processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from closeshave.clock import now_ns
from closeshave.machines import planfiles
from closeshave.machines.attending import GRANT_NS, MachineSeat
from closeshave.machines.channel import SILENCE_S
from closeshave.machines.dealing import again, deal
from closeshave.machines.master import LoadMachines, MachinesFailed
from closeshave.machines.messages import DealAgain, EndLoad, GoAt, PrepareShare, StopLoad
from closeshave.machines.offsets import ClockOffset
from closeshave.machines.planfiles import FilesDiffer
from closeshave.machines.recordfiles import ProcessFiles
from closeshave.traffic.generator import GeneratorFailed
from closeshave.traffic.load import Load, json_of
from closeshave.traffic.priority import Priority
from closeshave.traffic.redealing import Redeal
from closeshave.traffic.runfiles import RECORDS, SenderKind

POLL_S = 0.05
STOP_S = 12.0
"""Seconds within which a machine that can be reached has stopped, or one that cannot be has stopped by itself."""
GATHER_S_MAX = 3600.0
FETCHED = "fetched"
AWAY_NS = round((SILENCE_S + 1.0) * 1e9)
"""A machine that was not heard for so long has lost its share, where the plan deals lost shares again. Until then it may come back and go on."""
AGAIN_LEAD_NS = 2_000_000_000
"""From the decision to the first arrival that others send: they must have been told."""


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
    redeals: list[Redeal] = field(default_factory=list)
    """The steps by which lost shares were dealt again, where the plan says so."""
    over: bool = False
    """Whether the run itself has ended the load: nobody takes anything over then."""
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
                # The first bound holds from the start on: the machine has been heard just now.
                seat.granted_ns = GRANT_NS if self.load.traffic.redeal else 0
                seat.run_start_ns = start_ns if self.load.traffic.redeal else None
                seat.orders.append((GoAt(seat.start_ns, seat.granted_ns or None), b""))

    def end(self) -> None:
        """The load is over for everybody, earlier than planned."""
        self.over = True
        self.machines.tell_all(EndLoad())

    def poll(self) -> int | None:
        """0 when every machine has ended, the code of one that failed, 1 when all are lost; ``None`` while any of them sends, or may still."""
        self.deal_again()
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
        self.over = True
        if self.sending:
            self.machines.tell_all(StopLoad())
            self._wait(STOP_S)
        return self.poll() or 0

    def deal_again(self) -> None:
        """Where the plan says so, deal the shares of machines that are lost to those that are left. To be called again and again during the load.

        A machine that ended by itself sends nothing more. One that cannot be heard has stopped by itself at the stated instant; should its clock have
        stood still, it may nevertheless begin nothing that is due from then on: that was never granted to it.
        """
        if not self.load.traffic.redeal or self.start_ns is None or self.over:
            return
        for seat in self.seats.values():
            step, takers = self._step(seat)
            if step is None:
                continue
            self.redeals.append(step)
            for each in self.seats.values():
                with each.lock:
                    each.steps = tuple(self.redeals)
                    each.orders.append((DealAgain(each.steps), b""))
            with seat.lock:
                seat.orders.append((StopLoad(), b""))
            said = f"has lost its share: what is due from {step.from_ns / 1e9:.1f} s after the load's start is sent by {', '.join(takers)}"
            self.machines.told(seat.name, said)

    def _step(self, seat: MachineSeat) -> tuple[Redeal | None, list[str]]:
        """The step that takes a machine's share from it, and who takes over; ``None`` while it keeps it."""
        left = [
            each
            for each in self.seats.values()
            if each is not seat and each.lost_ns is None and each.redealt_from_ns is None and not _over(each)
        ]
        # Under one lock, so that nothing is granted between what is read and what is decided.
        with seat.lock:
            from_ns = self._to_deal_again(seat, now_ns())
            if from_ns is None or seat.share is None:
                return None, []
            step = again(seat.share, [each.share for each in left if each.share], from_ns, round(self.load.duration_s * 1e9))
            if step is not None:
                seat.redealt_from_ns = step.from_ns
        return step, [each.name for each in left]

    def _to_deal_again(self, seat: MachineSeat, at_ns: int) -> int | None:
        """From when on a machine's share is dealt again, in nanoseconds after the load's start; ``None`` while it is not."""
        assert self.start_ns is not None
        if seat.redealt_from_ns is not None:
            return None
        soon_ns = at_ns - self.start_ns + AGAIN_LEAD_NS
        if _over(seat):
            return soon_ns if seat.early else None
        if seat.lost_ns is None or at_ns - seat.heard_ns < AWAY_NS:
            return None
        stopped_ns = seat.heard_ns - self.start_ns + round((SILENCE_S + STOP_S) * 1e9)
        return max(stopped_ns, seat.granted_ns, soon_ns)

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
            self.deal_again()
            self.tell()
            time.sleep(POLL_S)


def _over(seat: MachineSeat) -> bool:
    return seat.stage in {"ended", "failed"}


def await_joined(machines: LoadMachines, expected: int, timeout_s: float, tell: Callable[[], None]) -> None:
    """Wait for all load machines. Raises :class:`MachinesFailed` when they have not joined after ``timeout_s``."""
    until_s = time.monotonic() + timeout_s
    while machines.joined < expected:
        tell()
        if time.monotonic() > until_s:
            raise MachinesFailed(f"{machines.joined} of {expected} load machines joined within {timeout_s:g} s; nothing was started")
        time.sleep(POLL_S)
    tell()
