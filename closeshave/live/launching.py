"""The trial's side: opens the port before anything starts, starts the server when the run has a directory, and never waits for it.

The trial goes on whatever becomes of the server, and the server ends by itself when the trial's process is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from typing import Any

from closeshave import private
from closeshave.control import variables
from closeshave.environments.python import python_environ
from closeshave.live import access, settings
from closeshave.live.access import Access
from closeshave.live.settings import Place
from closeshave.vocabulary import LOGS, RUN_VARIABLE

LOG = f"{LOGS}/live.log"
"""Of the server: what it could not do, and nothing of a request."""


class LiveView:
    """The page of a trial that is about to begin."""

    def __init__(self, place: Place) -> None:
        """Open the port. Raises :class:`closeshave.files.yamlfile.InvalidFile` when this machine cannot."""
        self._place = place
        self._socket: socket | None = settings.listen(place)
        self._port = int(self._socket.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, run: Path, tokens: Mapping[str, str] | None = None, withheld: Iterable[str] = ()) -> Mapping[str, str]:
        """Start the server of this run; returns a link for each role. ``tokens`` are role → token, by default of one role, who only looks.

        ``withheld`` names variables of this process that the server does not need. Raises :class:`OSError`.
        """
        assert self._socket is not None
        allowed = dict(tokens or access.tokens())
        private.make(run)
        access.keep(run, Access(self._port, allowed))
        self.process = _start(run, self._socket, self._place, withheld)
        # Only the server holds it now: when it is gone, a browser is refused instead of waiting.
        self.close()
        return links(self._place, self._port, allowed)

    def close(self) -> None:
        """Give up the port, unless a server has it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def told(
    view: LiveView,
    run: Path,
    say: Callable[[str, str, str], None],
    withheld: Iterable[str] = (),
    issue: Callable[[Path], Mapping[Any, str]] | None = None,
) -> None:
    """Begin, and say where the page is; ``issue`` makes a token for each role of a game day. Never raises: a trial that cannot be watched is a trial all
    the same."""
    try:
        links = view.begin(run, None if issue is None else {str(role): token for role, token in issue(run).items()}, withheld)
        for role, link in links.items():
            say(link, "live view" if len(links) == 1 else f"live view, {role}", "")
    except OSError as error:
        say(f"cannot be served: {error}; closeshave live {run} tries again", "live view", "yellow")


@contextmanager
def opened(place: Place | None) -> Iterator[LiveView | None]:
    """A port for the page while the block runs; ``None`` where nobody asked for one. Raises :class:`closeshave.files.yamlfile.InvalidFile`."""
    view = None if place is None else LiveView(place)
    try:
        yield view
    finally:
        if view is not None:
            view.close()


def links(place: Place, port: int, tokens: Mapping[str, str]) -> Mapping[str, str]:
    """The page's address for each role. The part after # is what lets somebody in: no browser sends it."""
    return {role: f"{place.url(port)}#{token}" for role, token in tokens.items()}


def _start(run: Path, opened: socket, place: Place, withheld: Iterable[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "closeshave.live", "--run", str(run), "--socket", str(opened.fileno()), "--trial", str(os.getpid())]
    command += ["--address", place.address, "--port", str(place.port)]
    if place.certificate is not None:
        command += ["--certificate", str(place.certificate), "--key", str(place.key)]
    with (run / LOG).open("ab") as output:
        # Its own session: Ctrl-C at the terminal is for the trial. The page shows how that ends.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(opened.fileno(),),
            env={**variables.without(withheld), **python_environ(), RUN_VARIABLE: run.name},
        )
