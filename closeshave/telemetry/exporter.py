"""The thread that looks once a second at what the trial has written, and hands it to the receivers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from closeshave.files.growing import GrowingLines
from closeshave.files.yamlfile import InvalidFile, Problem
from closeshave.history import FaultEvent, Manifest, Mark, Signal, event_of
from closeshave.loadgen.growing import Spool
from closeshave.plan import Plan
from closeshave.plurals import counted
from closeshave.telemetry import families as metrics
from closeshave.telemetry.families import About, Family
from closeshave.telemetry.grafana import Annotations
from closeshave.telemetry.prometheus import Port
from closeshave.telemetry.sending import Sender
from closeshave.telemetry.settings import NOTHING, TelemetrySettings
from closeshave.telemetry.totals import Totals
from closeshave.vocabulary import SPOOL, TIMELINE

if TYPE_CHECKING:
    from closeshave.telemetry.otlp import Otlp, Spans

LOOK_EVERY_S = 1.0
SEND_EVERY_S = 5.0
"""OTLP metrics."""
CLOSE_WITHIN_S = 5.0
"""For what still waits to be sent when the trial has ended, all receivers together."""


Say = Callable[[str, str, str], None]
"""Shows a line: the text, its heading, its style."""


@contextmanager
def exporting(settings: TelemetrySettings, say: Say) -> Iterator[Exporter]:
    """The telemetry of a trial that runs in this block; afterwards it is said what could not be sent. Raises as :meth:`Exporter.open` does."""
    exporter = Exporter.open(settings)
    try:
        yield exporter
    finally:
        for sentence in exporter.close():
            say(sentence, "telemetry", "yellow")


class Exporter:
    """The telemetry of one trial: :meth:`open` before anything starts, :meth:`begin` when the run has a directory, :meth:`close` at the end."""

    def __init__(self, settings: TelemetrySettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        """Guards the following: they are read by whoever scrapes."""
        self._totals = Totals()
        self._about: About | None = None
        self._trouble = 0
        self._reason = ""
        self._verdict = ""
        self._port: Port | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._sends_at_s = 0.0
        self._annotations: Annotations | None = None
        self._otlp: Otlp | None = None
        self._spans: Spans | None = None

    @classmethod
    def open(cls, settings: TelemetrySettings = NOTHING) -> Exporter:
        """Import what is needed and listen where that is wanted. Raises :class:`InvalidFile` when this machine cannot."""
        if settings.otlp is not None:
            try:
                _otlp_type()
            except ImportError as error:
                said = f"needs a package that is not installed ({error.name}): pip install 'closeshave[otlp]'"
                raise InvalidFile(Problem("--otlp", 0, "", said)) from None
        made = cls(settings)
        if settings.metrics is not None:
            try:
                made._port = Port.open(settings.metrics.address, settings.metrics.port, made.families)
            except (OSError, OverflowError) as error:
                where = f"{settings.metrics.address}:{settings.metrics.port}"
                raise InvalidFile(Problem("--metrics-port", 0, "", f"cannot listen on {where}: {error}")) from None
        return made

    @property
    def address(self) -> str:
        """Where the metrics are served; empty for nowhere."""
        return f"http://{self._settings.metrics.address}:{self._port.number}/metrics" if self._port and self._settings.metrics else ""

    def begin(self, run: Path, manifest: Callable[[], Manifest], plan: Callable[[], Plan]) -> None:
        """Follow this trial from now on. ``manifest`` and ``plan`` are asked again and again: what the run can show is known only when the platform
        runs, and a calibration changes its rates. Never raises."""
        if self._settings != NOTHING:
            try:
                self._begin(run, manifest, plan)
            except Exception as error:  # noqa: BLE001 - no receiver may stop a trial
                self._troubled(error)

    def _begin(self, run: Path, manifest: Callable[[], Manifest], plan: Callable[[], Plan]) -> None:
        told, now = metrics.about(manifest, plan), manifest()
        with self._lock:
            self._about = told
        if self._settings.grafana is not None:
            self._annotations = Annotations(self._settings.grafana, now)
        if self._settings.otlp is not None:
            self._otlp = _otlp_type().open(self._settings.otlp, told.run, time.time_ns())
            self._spans = self._otlp.spans(now.anchor, now.plan)
        self._thread = threading.Thread(target=self._follow, args=(run,), name="telemetry", daemon=True)
        self._thread.start()

    def families(self) -> tuple[Family, ...]:
        """The metrics as they are now; none before the trial began."""
        with self._lock:
            told, seen = self._about, self._totals.copy()
            failures = {one.name: one.failed for one in self._senders()} | {"none": self._trouble}
        return () if told is None else metrics.families(seen, told, failures)

    def judged(self, verdict: str) -> None:
        """The trial has ended, and its run has this verdict."""
        self._verdict = verdict

    def close(self) -> tuple[str, ...]:
        """Look a last time, send what waits, free the port. Returns what was not sent, a sentence each. Never raises."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(CLOSE_WITHIN_S)
        deadline = time.monotonic() + CLOSE_WITHIN_S
        with suppress(Exception):
            if self._spans is not None:
                self._spans.close(time.time_ns(), self._verdict)
        receivers = (self._annotations, self._otlp)
        said = [receiver.close(max(0.0, deadline - time.monotonic())) for receiver in receivers if receiver is not None]
        if self._port is not None:
            with suppress(OSError):
                self._port.close()
        if self._trouble:
            said.append(f"it failed {counted(self._trouble, 'time')}, the last time with {self._reason}")
        return tuple(filter(None, said))

    def _senders(self) -> Iterator[Sender]:
        for receiver in (self._annotations, self._otlp):
            if receiver is not None:
                yield receiver.sender

    def _follow(self, run: Path) -> None:
        spool, timeline = Spool(run / SPOOL), GrowingLines(run / TIMELINE)
        last = False
        while not last:
            # Once more after the end: what was written between the last look and then.
            last = self._over.wait(LOOK_EVERY_S)
            try:
                self._look(spool, timeline, last=last)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the trial, and the next look may succeed
                self._troubled(error)

    def _troubled(self, error: Exception) -> None:
        self._trouble += 1
        self._reason = f"{type(error).__name__}: {error}"

    def _look(self, spool: Spool, timeline: GrowingLines, *, last: bool) -> None:
        events = list(_events(timeline))
        with self._lock:
            for event in events:
                self._totals.note(event)
            for worker in spool.workers():
                self._totals.add(worker)
        for event in events:
            for receiver in (self._spans, self._annotations):
                if receiver is not None:
                    receiver.note(event)
        if self._otlp is not None and (last or time.monotonic() >= self._sends_at_s):
            self._sends_at_s = time.monotonic() + SEND_EVERY_S
            self._otlp.send(self.families(), time.time_ns(), last=last)


def _otlp_type() -> type[Otlp]:
    """Imported only where it is wanted: the library is an extra, and takes most of a second. Raises :class:`ImportError`."""
    from closeshave.telemetry.otlp import Otlp  # noqa: PLC0415

    return Otlp


def _events(timeline: GrowingLines) -> Iterator[FaultEvent | Signal | Mark]:
    for line in timeline.new():
        # What is no event is reported by the judges, who read the same file.
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            event = event_of(json.loads(line))
            # Of a drill its edges in the ledger are told; its steps are the report's.
            if isinstance(event, FaultEvent | Signal | Mark):
                yield event
