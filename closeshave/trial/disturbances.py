"""Keeps a running trial from stopping because other programs disturbed its machine.

A disturbance is known slightly later than its effect, so failures count only after :data:`WAIT_S` seconds. On a local platform, failures during a
disturbance or soon after are ignored. On a remote platform, which others may use, they are not: there the trial stops whatever the cause, to do no
harm, and only says that other programs may have caused it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from closeshave.environments.evidence.resources import SCHEMA, SPOOL, samples
from closeshave.files import record_of
from closeshave.history import Effect, to_frame
from closeshave.judge.evidence.backlog import TAIL_NS_LEAST
from closeshave.judge.evidence.host import Doubt, disturbances
from closeshave.judge.evidence.windows import Span
from closeshave.plan import Fault
from closeshave.traffic.live import Tally

WAIT_S = 3.0
"""A second until the sampler sees it, one until its line is written, and one of reserve."""
REMEMBERED = 60
"""Number of lines of the sampler, one for each second."""


@dataclass(frozen=True, slots=True)
class InstantCounts:
    """The counts at one instant, and the faults in effect then."""

    at_s: float
    tallies: Sequence[Tally]
    effects: Sequence[Effect]
    broken: Sequence[Fault]


@dataclass(slots=True)
class Disturbances:
    """Keeps counts back until it is known whether the machine was disturbed."""

    run: Path
    ignores_disturbed: bool
    """Whether requests that other programs disturbed count as good."""
    _waiting: deque[InstantCounts] = field(default_factory=deque)
    _lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _read_at: int = 0
    _known: tuple[Doubt, ...] | None = None
    """What the lines say; ``None`` until somebody asks."""

    def due(self, now: InstantCounts) -> list[InstantCounts]:
        """The counts whose waiting time is over, the oldest first. ``now`` is added to the waiting ones."""
        self._waiting.append(now)
        self._read()
        found = []
        while self._waiting and self._waiting[0].at_s <= now.at_s - WAIT_S:
            found.append(self._excused(self._waiting.popleft()))
        return found

    def cause(self, at_s: float) -> str:
        """How other programs disturbed the machine at this instant or shortly before; empty when they did not."""
        at_ns = round(at_s * 1e9)
        return next((one.cause for one in self._doubts() if one.started_ns <= at_ns < one.ended_ns + TAIL_NS_LEAST), "")

    def _excused(self, one: InstantCounts) -> InstantCounts:
        # Comparing the samples takes a hundredth of a second, each second: only where something went wrong.
        wrong = any(tally.bad for tally in one.tallies) or all(tally.source != "canary" for tally in one.tallies)
        if not (wrong and self.ignores_disturbed and self.cause(one.at_s)):
            return one
        # A canary that could not be sent because of a disturbance does not count as missing.
        seen = Tally("canary", "", 0, 0, 0)
        return replace(one, tallies=[*(replace(tally, bad=0) for tally in one.tallies), seen])

    def _read(self) -> None:
        path = self.run / SPOOL
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._read_at)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._read_at += whole
        if whole:
            self._lines.extend(data[:whole].splitlines())
            self._known = None

    def _doubts(self) -> tuple[Doubt, ...]:
        if self._known is None:
            tables = [SCHEMA.empty_table()]
            for line in self._lines:
                # An invalid line is no disturbance, and must not end the trial.
                with suppress(ValueError):
                    tables.append(samples([record_of(line)]))
            # The judges find out which parts the plan's own faults stopped. Here a disturbance too many does no harm.
            self._known = disturbances(to_frame(pa.concat_tables(tables).unify_dictionaries()), [Span(0, 1 << 62)])
        return self._known
