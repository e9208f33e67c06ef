"""A server in virtual time that drives the pure search: k slots, one queue, arrivals at random. A level of a minute takes milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from closeshave.capacity.judging import LevelObjective, judged
from closeshave.capacity.level import LevelAsk, LevelPurpose, LevelResult, LevelStatus, OverloadFigures
from closeshave.capacity.sample import LevelSample
from closeshave.capacity.search import SearchRules, next_level

BURST = 10
BEFORE_S = 2.0
"""Seconds of load before the judged ones."""


@dataclass
class Simulated:
    """The server. ``now_s`` is its clock; between levels it comes to rest."""

    slots: int
    service_s: float
    exponential: bool = False
    seed: int = 1
    slower: Callable[[float], float] = lambda _: 1.0
    """The clock in seconds → a factor on the service time: a leak, or a warm-up."""
    sheds_above: int | None = None
    """So many in the system, and further requests get 503 at once."""
    collapses: float = 0.0
    """Each waiting request makes the service longer by this share, as threads that fight for a lock do."""
    late_above: float | None = None
    """The generator sends at most so many requests per second."""
    now_s: float = 0.0
    around_s: float = 3.0
    levels: list[LevelResult] = field(default_factory=list)

    def drive(self, ask: LevelAsk, objectives: Sequence[LevelObjective]) -> LevelResult:
        """One level, as a leg drives it."""
        rng = np.random.default_rng([self.seed, len(self.levels)])
        idle_ms = self.service_s * self.slower(self.now_s) * 1e3
        whole_s = BEFORE_S + ask.length_s
        due = np.sort(rng.uniform(0, whole_s, rng.poisson(ask.rate * whole_s)))
        sent = due.copy()
        if self.late_above is not None:
            # Some at once, and never more per second: as a process that is too slow for its arrivals.
            for place in range(BURST, len(due)):
                sent[place] = max(due[place], sent[place - BURST] + BURST / self.late_above)
        need = self.service_s * (rng.exponential(size=len(due)) if self.exponential else np.ones(len(due)))
        ended, refused = self._serve(sent, need)
        began, self.now_s = self.now_s, self.now_s + whole_s + self.around_s
        base = round(began * 1e9)

        def ns(values: object) -> object:
            return base + np.round(np.asarray(values) * 1e9).astype(np.int64)

        sample = LevelSample(
            begin_ns=base + round(BEFORE_S * 1e9),
            end_ns=base + round(whole_s * 1e9),
            due_ns=ns(due),  # type: ignore[arg-type]  # an array
            sent_ns=ns(sent),  # type: ignore[arg-type]  # an array
            ended_ns=ns(ended),  # type: ignore[arg-type]  # an array
            good=~refused,
            refused=refused,
        )
        said = judged(sample, objectives, final=ask.purpose is LevelPurpose.CONFIRM)
        overload = OverloadFigures(max(0.0, float(ended.max(initial=0)) - whole_s), 60.0) if ask.purpose is LevelPurpose.OVERLOAD else None
        found = LevelResult(
            ask, said.status, said.cause, said.why, said.figures, whole_s + self.around_s, began, idle_ms, 0.5, overload=overload
        )
        self.levels.append(found)
        return found

    def _serve(self, sent: np.ndarray, need: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        free = [0.0] * self.slots
        ended, refused = np.empty(len(sent)), np.zeros(len(sent), dtype=bool)
        inside: list[float] = []
        plain = self.sheds_above is None and not self.collapses
        for place, (at, work) in enumerate(zip(sent.tolist(), need.tolist(), strict=True)):
            if not plain:
                while inside and inside[0] <= at:
                    heapq.heappop(inside)
                if self.sheds_above is not None and len(inside) >= self.sheds_above:
                    ended[place], refused[place] = at + 0.0005, True
                    continue
            slower = 1 + self.collapses * max(0, len(inside) - self.slots)
            start = max(at, heapq.heappop(free))
            done = start + work * slower * self.slower(self.now_s + start)
            heapq.heappush(free, done)
            if not plain:
                heapq.heappush(inside, done)
            ended[place] = done
        return ended, refused

    def searched(self, rules: SearchRules, objectives: Sequence[LevelObjective]) -> list[LevelResult]:
        """A whole search on it."""
        results: list[LevelResult] = []
        while (ask := next_level(rules, results)) is not None:
            results.append(self.drive(ask, objectives))
        return results


def result(ask: LevelAsk, **changed: object) -> LevelResult:
    """A level's result with these fields."""
    return replace(LevelResult(ask, LevelStatus.HOLDS, took_s=ask.length_s + 5), **changed)  # type: ignore[arg-type]  # fields by name
