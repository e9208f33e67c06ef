"""After the load: what became of each machine's share, where its records are blind, and what its clock was worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closeshave.history import Blind, MachinePart, Source
from closeshave.loadgen.convert import WorkerRecords
from closeshave.loadgen.rates import Instants
from closeshave.loadgen.transport import TOTAL_TIMEOUT_S
from closeshave.machines.attending import MachineSeat
from closeshave.machines.messages import RUN_STOPPED
from closeshave.machines.offsets import OffsetCurve
from closeshave.machines.reckoning import ArrivalCounts, BlindTime, dealt_anew, reckon, with_told
from closeshave.machines.recordfiles import ROWS, ProcessFiles, UnusableRecords
from closeshave.machines.sending import MachinesGenerator
from closeshave.traffic import arrivalstold, redealing
from closeshave.traffic.planned import arrivals_ns
from closeshave.traffic.recorder import arrivals_of
from closeshave.traffic.redealing import Redeals
from closeshave.traffic.runfiles import RECORDS


@dataclass(frozen=True, slots=True)
class MachinesAccount:
    """All load machines of a run."""

    parts: tuple[MachinePart, ...]
    blind: tuple[Blind, ...]
    """Besides those that the records themselves show."""
    why: dict[str, str]
    """Why a process's records end early, by its name: for those that do."""
    until_ns: dict[str, int]
    """When a process ceased to have a share, by its name: for those whose share was dealt again."""


def account(generator: MachinesGenerator, run: Path, ended_ns: int) -> MachinesAccount:
    """Put the records in their place with this machine's clock, and count. ``ended_ns``: when the load ended, on this machine's clock.

    Raises :class:`OSError` when this machine's disk cannot take the records.
    """
    parts, blind, why, until_ns = list[MachinePart](), list[Blind](), dict[str, str](), dict[str, int]()
    planned = arrivals_ns(generator.load)
    for _, seat in sorted(generator.seats.items()):
        one = _Machine(seat, run / RECORDS, generator.start_ns or ended_ns, ended_ns, tuple(generator.redeals))
        parts.append(one.part(planned))
        blind += one.blind
        why |= one.why
        until_ns |= one.until_ns
    return MachinesAccount(tuple(parts), tuple(blind), why, until_ns)


class _Machine:
    def __init__(self, seat: MachineSeat, spool: Path, started_ns: int, ended_ns: int, redeals: Redeals) -> None:
        self._seat, self._spool, self._started_ns, self._ended_ns = seat, spool, started_ns, ended_ns
        self._redeals = redeals
        self._taken = 0
        self._redealt_ns: int | None = None
        if seat.redealt_from_ns is not None:
            # From then on it had no share of which anything could be unknown.
            self._redealt_ns = started_ns + seat.redealt_from_ns
            self._ended_ns = min(ended_ns, self._redealt_ns)
        self.until_ns = {process.name: self._ended_ns for process in seat.files} if self._redealt_ns is not None else {}
        self.blind: list[Blind] = []
        self.why: dict[str, str] = {}
        self._troubles: list[str] = []

    def part(self, planned: Instants | None) -> MachinePart:
        """Raises :class:`OSError`."""
        seat = self._seat
        try:
            curve = seat.curve()
        except ValueError:
            curve = None
        lost = seat.stage not in {"ended", "failed"} or not seat.gathered
        why = f"of load machine {seat.name} was lost" if lost else f"of load machine {seat.name} ended early ({seat.reason})"
        if self._redealt_ns is not None:
            why += f", and its share was dealt again from {(self._redealt_ns - self._started_ns) / 1e9:.1f} s on"
        if not seat.gathered:
            self._troubles.append(f"the last records of load machine {seat.name} could not be fetched{_because(seat)}")
        counts = ArrivalCounts()
        for process in seat.files:
            times = self._settled(process, curve, why)
            if planned is not None and seat.share is not None:
                counts += self._counted(process, planned, times)
        offset_ns = uncertainty_ns = 0
        if curve is not None:
            offset_ns = curve.at(self._started_ns).offset_ns
            uncertainty_ns = curve.worst_uncertainty_ns(self._started_ns, self._ended_ns)
            if curve.contradiction_ns:
                self._troubles.append(f"the clock of load machine {seat.name} jumped by {curve.contradiction_ns / 1e6:,.1f} ms")
        if counts.foreign:
            self._troubles.append(f"the records of load machine {seat.name} hold {counts.foreign:,} arrivals that were not dealt to it")
        return MachinePart(
            name=seat.name, workers=tuple(process.name for process in seat.files), intended=counts.intended, sent=counts.sent, late=counts.late,
            blind=counts.blind, counted=planned is not None, offset_ns=offset_ns, uncertainty_ns=uncertainty_ns, ended=seat.reason,
            troubles=tuple(self._troubles), taken=self._taken, redealt_ns=self._redealt_ns,
        )  # fmt: skip

    def _settled(self, process: ProcessFiles, curve: OffsetCurve | None, why: str) -> list[BlindTime]:
        """Put the records of one process in their place. Returns when it was blind, in the load's own time on its own machine."""
        lasts_ns, unknown = self._ended_ns - self._started_ns, [BlindTime(0, 2**62)]
        if curve is None or not process.size(f"{process.name}{ROWS}"):
            process.withdraw()
            self._note_blind(process, self._started_ns, why)
            return unknown
        try:
            process.settle(curve.offsets_ns)
        except UnusableRecords as error:
            self._troubles.append(f"{process.name} of load machine {self._seat.name} {error}; its records are not used")
            process.withdraw()
            self._note_blind(process, self._started_ns, f"of load machine {self._seat.name} {error}")
            return unknown
        records = WorkerRecords.open(self._spool / f"{process.name}{ROWS}")
        if records.said.get("finished"):
            return []
        told = arrivalstold.read(self._spool, process.name)
        if told is None or not records.said.get("closed"):
            # It was killed: the conversion itself finds that, and takes off what may have been in flight.
            self.why[process.name] = why
            last_ns = int(records.rows["ended_ns"][-1]) if len(records.rows) else self._started_ns
            return [BlindTime(max(0, last_ns - self._started_ns - int(TOTAL_TIMEOUT_S * 1e9)), 2**62)]
        if self._seat.reason == RUN_STOPPED and self._redealt_ns is None:
            # The whole run was stopped, and nobody expects more of it.
            return [BlindTime(told.closed_ns - (self._seat.start_ns or 0) + 1, 2**62)]
        closed_ns = told.closed_ns - (self._seat.start_ns or 0)
        if closed_ns < lasts_ns:
            self._note_blind(process, self._started_ns + closed_ns, why)
        return [BlindTime(closed_ns + 1, 2**62)]

    def _counted(self, process: ProcessFiles, planned: Instants, blind: list[BlindTime]) -> ArrivalCounts:
        assert self._seat.share is not None
        index, among = self._seat.share.indices[self._seat.files.index(process)], self._seat.share.among
        path = self._spool / f"{process.name}{ROWS}"
        rows = WorkerRecords.open(path).rows if path.is_file() else None
        recorded = arrivals_of(rows) if rows is not None else planned[:0]
        dealt = redealing.dealt(planned, index, among, self._redeals)
        self._taken += int((dealt % among != index).sum())
        found = reckon(planned, dealt, recorded, blind)
        told = arrivalstold.read(self._spool, process.name)
        if told is None:
            return found
        # It counted what it knew to be its share. A step that it was not told of gave it arrivals to which it could not come.
        seen = reckon(planned, redealing.dealt(planned, index, among, self._redeals[: told.redeals]), recorded, blind)
        counts, contradiction = with_told(seen, told.begun, told.late)
        counts = dealt_anew(counts, seen, found)
        if contradiction:
            self._troubles.append(f"{process.name} of load machine {self._seat.name} contradicts its records: {contradiction}")
        elif counts.late:
            self._troubles.append(f"{process.name} of load machine {self._seat.name} did not come to {counts.late:,} arrivals")
        return counts

    def _note_blind(self, process: ProcessFiles, from_ns: int, why: str) -> None:
        self.why[process.name] = why
        self.blind.append(Blind(Source.CUSTOMERS.value, process.name, from_ns, max(from_ns, self._ended_ns), why))


def _because(seat: MachineSeat) -> str:
    return f": {seat.trouble}" if seat.trouble else ""
