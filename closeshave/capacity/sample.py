"""The requests of one level as arrays, wherever they were recorded: in a trial, by the load engine alone, or in a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from closeshave.judge.evidence.columns import Flags, Ints
from closeshave.judge.evidence.windows import NEVER_NS


@dataclass(frozen=True, slots=True)
class LevelSample:
    """Requests that were due around the judged time; arrays of one length, in any order. Instants in monotonic nanoseconds."""

    begin_ns: int
    """The first judged instant."""
    end_ns: int
    """The end of the judged time."""
    due_ns: Ints
    sent_ns: Ints
    ended_ns: Ints
    """:data:`NEVER_NS` for those without an answer."""
    good: Flags
    refused: Flags
    """Answered with 429 or 503."""
    touched: Flags | None = None
    """Those that other programs on the machine disturbed; ``None`` for none."""
    kinds: Mapping[str, Flags] = field(default_factory=dict)
    """Objective → the requests that it is about; one that is missing is about all."""

    @property
    def seconds(self) -> float:
        """Judged seconds."""
        return (self.end_ns - self.begin_ns) / 1e9

    @property
    def judged(self) -> Flags:
        """Which requests were due in the judged time."""
        found: Flags = (self.due_ns >= self.begin_ns) & (self.due_ns < self.end_ns)
        return found

    @property
    def response_ns(self) -> Ints:
        """From due to the end of the answer; :data:`NEVER_NS` without one."""
        return np.where(self.ended_ns == NEVER_NS, NEVER_NS, self.ended_ns - self.due_ns)

    def about(self, objective: str) -> Flags:
        """The judged requests that an objective is about."""
        return self.judged & self.kinds[objective] if objective in self.kinds else self.judged
