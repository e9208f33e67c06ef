"""Writes Chaos Toolkit's journal after every activity: the toolkit's own command writes it only at the end, so a killed process would leave none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chaoslib import PayloadEncoder  # type: ignore[import-untyped] # it ships no types
from chaoslib.run import RunEventHandler  # type: ignore[import-untyped] # it ships no types

from closeshave.files import write_atomically


class JournalWriter(RunEventHandler):  # type: ignore[misc] # chaoslib is untyped
    """Writes the journal after every activity; ``running`` is called once Chaos Toolkit has installed its own signal handlers."""

    def __init__(self, path: Path, running: Callable[[], None]) -> None:
        self._path = path
        self._running = running
        self._journal: dict[str, Any] = {}

    def started(self, experiment: dict[str, Any], journal: dict[str, Any]) -> None:  # noqa: ARG002 - chaoslib's signature
        """Chaos Toolkit calls this when the experiment begins."""
        self._journal = journal
        self._running()

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:  # noqa: ARG002 - chaoslib's signature
        """Called after each action, probe or rollback, whether it succeeded or not."""
        self._write()

    def finish(self, journal: dict[str, Any]) -> None:
        """Called when the experiment has ended."""
        self._journal = journal
        self._write()

    def _write(self) -> None:
        write_atomically(self._path, json.dumps(self._journal, cls=PayloadEncoder, indent=1))


def failed_rollbacks(journal: Mapping[str, Any]) -> tuple[str, ...]:
    """The rollbacks of a journal that did not succeed, each with what it raised. Chaos Toolkit calls such a run *completed* anyway. Pure."""
    return tuple(
        f"{activity['activity']['name']}: {_raised(activity)}"
        for activity in journal.get("rollbacks", ())
        if activity["status"] != "succeeded"
    )


def tracebacks(journal: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Name and traceback of each activity of a journal that raised. Pure."""
    activities = (*journal.get("run", ()), *journal.get("rollbacks", ()))
    return tuple((each["activity"]["name"], "".join(each["exception"])) for each in activities if each.get("exception"))


def _raised(activity: Mapping[str, Any]) -> str:
    """The last line of the traceback, which says it; otherwise the status."""
    exception = activity.get("exception") or ()
    return str(exception[-1]).strip() if exception else str(activity["status"])
