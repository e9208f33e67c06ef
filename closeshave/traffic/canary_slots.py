"""The slots that canaries book, each once: barbers who have refused and never accepted a booking come last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from closeshave.traffic.dialect import Slot
from closeshave.traffic.learning import Learnt

CanarySlot = tuple[int, Slot]
"""A franchise and a slot."""


class CanarySlots:
    """An iterator over the given slots. Which of them are put last depends on what was learnt by then."""

    def __init__(self, slots: Iterator[CanarySlot], learnt: Learnt) -> None:
        self._slots, self._learnt = slots, learnt
        self._aside: deque[CanarySlot] = deque()

    def __iter__(self) -> Iterator[CanarySlot]:
        return self

    def __next__(self) -> CanarySlot:
        for franchise, slot in self._slots:
            if not self._learnt.refusing(franchise, slot.barber):
                return franchise, slot
            self._aside.append((franchise, slot))
        if not self._aside:
            raise StopIteration
        return self._aside.popleft()
