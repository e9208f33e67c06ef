"""The platform's alerts as they are told while the load runs: each from its beginning to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from closeshave.files.growing import GrowingLines
from closeshave.history import AlertNote, alert_of
from closeshave.history.alerts import scope_of
from closeshave.judge.measures.alerts import RaisedAlert, incidents
from closeshave.live.picture import SignalShown
from closeshave.vocabulary import ALERTS_FILE, SignalKind

NOTES_MAX = 2_000
"""Of a monitoring that tells without an end only the newest are remembered."""


class GrowingAlerts:
    """What one run's receiver has written of alerts so far."""

    def __init__(self, run: Path, zero_ns: int) -> None:
        self._lines, self._zero_ns = GrowingLines(run / ALERTS_FILE), zero_ns
        self._notes: list[AlertNote] = []

    def look(self) -> None:
        """Read what is new; a line that is no note is for the judges to report. Raises :class:`OSError`."""
        for line in self._lines.new():
            with suppress(ValueError, TypeError):
                self._notes.append(alert_of(json.loads(line)))
        del self._notes[:-NOTES_MAX]

    def shown(self) -> Iterator[SignalShown]:
        """Each alert of trouble, in the order in which they began."""
        for one in incidents(self._notes):
            yield SignalShown((one.raised_ns - self._zero_ns) / 1e9, SignalKind.ALERT, scope_of(one.labels), ALERTS_FILE, _said(one))


def _said(one: RaisedAlert) -> str:
    told = f"{one.name} ({one.severity})" if one.severity else one.name
    return f"{told} fires" if one.ended_ns is None else f"{told} was over after {(one.ended_ns - one.raised_ns) / 1e9:.0f} s"
