"""Shows a trial that is running already: in the process of whoever asks for it, until the trial or that process ends.

Where the trial had a page that was lost, the links are the same, and so is the port if it is free: pages that are still open go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket

from closeshave.control.processes import Identity
from closeshave.faults import heartbeat
from closeshave.files.yamlfile import InvalidFile
from closeshave.live import access, launching, settings
from closeshave.live.access import Access
from closeshave.live.settings import Place


@dataclass(frozen=True, slots=True)
class ServablePage:
    """A page that can be served."""

    run: Path
    harness: Identity
    access: Access
    place: Place
    opened: socket
    links: Mapping[str, str]

    def serve(self) -> None:
        """Serve it until the trial has ended, or until Ctrl-C."""
        from closeshave.live.serving import serve  # noqa: PLC0415 - an error should not wait for the server

        serve(self.run, self.harness, self.access, self.place, self.opened)


def of(run: Path, place: Place) -> ServablePage:
    """The page of a running trial. Raises :class:`LookupError` when it is not running, :class:`closeshave.files.yamlfile.InvalidFile` for a taken port."""
    beat = heartbeat.read(run)
    if beat is None or not beat.harness.alive:
        raise LookupError(f"{run} is not running")
    before = access.kept(run)
    opened = _listen(place, before)
    port = int(opened.getsockname()[1])
    # Kept nowhere: the private directory is the trial's, and this process may end before it or after it.
    allowed = Access(port, before.tokens if before is not None else access.tokens())
    return ServablePage(run, beat.harness, allowed, place, opened, launching.links(place, port, allowed.tokens))


def _listen(place: Place, before: Access | None) -> socket:
    if place.port == 0 and before is not None:
        try:
            return settings.listen(replace(place, port=before.port))
        except InvalidFile:
            # The first server still has it.
            pass
    return settings.listen(place)
