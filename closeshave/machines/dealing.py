"""Which load machine sends which arrivals: by the seed and an index, so that nobody has to hand them out while the load runs. Pure.

Every Locust process of every machine computes all arrivals from the seed and carries out those whose number, divided by the number of all processes,
leaves its own index (:func:`closeshave.loadgen.rates.share`): the dealing of the processes of one machine, over all machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
