"""Which load machine sends which arrivals: by the seed and an index, so that nobody has to hand them out while the load runs. Pure.

Every Locust process of every machine computes all arrivals from the seed and carries out those whose number, divided by the number of all processes,
leaves its own index (:func:`closeshave.loadgen.rates.share`): the dealing of the processes of one machine, over all machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from closeshave.traffic.redealing import Redeal


@dataclass(frozen=True, slots=True)
class DealtShare:
    """The part of the load that one machine sends."""

    machine: str
    first: int
    """The index of its first process among those of all machines."""
    processes: int
    among: int
    """The number of processes of all machines."""

    @property
    def indices(self) -> range:
        """The indices of its processes."""
        return range(self.first, self.first + self.processes)


def deal(processes: Mapping[str, int]) -> tuple[DealtShare, ...]:
    """A share for each machine, by its number of processes; in the order of the names, so that it does not matter who joined first.

    Raises :class:`ValueError` for a machine without a process.
    """
    if any(count < 1 for count in processes.values()):
        raise ValueError("a load machine needs at least one process")
    among, first, dealt = sum(processes.values()), 0, []
    for name, count in sorted(processes.items()):
        dealt.append(DealtShare(name, first, count, among))
        first += count
    return tuple(dealt)


def owner(arrival: int, among: int) -> int:
    """The index of the process that carries out an arrival, by the arrival's number."""
    return arrival % among


def again(lost: DealtShare, left: Sequence[DealtShare], from_ns: int, duration_ns: int) -> Redeal | None:
    """The step that deals a lost machine's share to those that are left, of what is due ``from_ns`` after the load's start; ``None`` where nobody is
    left, or nothing is due any more."""
    if not left or from_ns >= duration_ns:
        return None
    return Redeal(max(0, from_ns), tuple(lost.indices), tuple(index for one in left for index in one.indices))
