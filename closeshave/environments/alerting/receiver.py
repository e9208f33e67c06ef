"""Receives what the Alertmanager of an environment tells: a process of its own beside the load, on loopback, for whoever shows the token.

An alert is on the disk before it is acknowledged, so that nothing is lost when this process is killed: the Alertmanager tells again what was not
acknowledged. What was told twice is noted twice, and counts once.
"""

from __future__ import annotations

import argparse
import hmac
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from closeshave.clients import ports
from closeshave.clients.address import HOST
from closeshave.clock import now_ns
from closeshave.control import variables
from closeshave.control.waiting import obstacle
from closeshave.deployment import Monitoring, load
from closeshave.environments.alerting.webhook import MOST_BYTES, NoAlerts, notes_of
from closeshave.history import AlertNote, note_alert
from closeshave.vocabulary import ALERTS_FILE

PATH = "/alerts"
READY_S, STOP_S = 20.0, 5.0
LOOK_S = 0.5
"""How often it looks whether it should end."""
SILENT_S = 5.0
"""How long a connection may say nothing: there is one at a time."""
Keep = Callable[[AlertNote], None]


class Receiver(HTTPServer):
    """Serves the webhook; an alert is acknowledged when ``keep`` has returned."""

    def __init__(self, host: str, port: int, token: str, keep: Keep) -> None:
        """Raises :class:`OSError` when the port is taken, :class:`ValueError` without a token."""
        if not token:
            raise ValueError("the receiver needs a token")
        self.token, self.keep = token, keep
        super().__init__((host, port), _Handler)
        self.timeout = LOOK_S


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENT_S
    server: Receiver

    def do_POST(self) -> None:
        """Note every alert of a post."""
        self._answer(*self._told())

    def do_GET(self) -> None:
        """Say that it is there."""
        self._answer(200, "ready") if self.path == PATH else self._answer(404, "no such path")

    def _told(self) -> tuple[int, str]:
        shown = self.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode("utf-8", "replace"), f"Bearer {self.server.token}".encode()):
            return 401, "no token, or a wrong one"
        if self.path != PATH:
            return 404, "no such path"
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal() or int(length) > MOST_BYTES:
            return 413, f"a post has a length of at most {MOST_BYTES} bytes"
        body, at_ns = self.rfile.read(int(length)), now_ns()
        try:
            for note in notes_of(body, at_ns):
                self.server.keep(note)
        except NoAlerts as error:
            # Its log has why; the answer must not repeat what came from outside.
            print(f"not understood: {str(error)!r}", file=sys.stderr, flush=True)  # noqa: T201 - the log of this process
            return 400, "these are no alerts"
        except OSError as error:
            print(f"cannot be kept: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the log of this process
            return 503, "cannot be kept"
        return 200, "kept"

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: each alert is in the run."""


def ready(port: int) -> str:
    """What a receiver at this port lacks; empty if it is there."""
    return "" if ports.fresh_status(ports.url(port, PATH)) == 200 else f"no receiver of alerts listens on port {port}"


@dataclass(slots=True)
class AlertReceiver:
    """The handle of its process."""

    process: subprocess.Popen[bytes]
    root: Path
    run: Path
    withheld: tuple[str, ...]
    from_ns: int
    port: int

    @classmethod
    def start(cls, root: Path, run: Path, monitoring: Monitoring, withheld: Iterable[str] = ()) -> AlertReceiver:
        """Start it for the environment below ``root``; ``withheld`` names variables that it does not need.

        Raises :class:`OSError` if it does not listen.
        """
        (run / ALERTS_FILE).touch()
        names = tuple(withheld)
        found = cls(_process(root, run, names), root, run, names, now_ns(), monitoring.webhook_port)
        if trouble := obstacle(lambda: ready(found.port), READY_S):
            found.stop()
            raise OSError(f"{trouble}; see {run.name}/logs/alerts-receiver.log")
        return found

    def look(self) -> str:
        """Start it again if it has ended; says so, else empty. Raises :class:`OSError`."""
        code = self.process.poll()
        if code is None:
            return ""
        self.process = _process(self.root, self.run, self.withheld)
        return f"the receiver of alerts ended with code {code} and was started again; the Alertmanager tells again what it had not acknowledged"

    def stop(self) -> int:
        """End it; returns until when it listened."""
        until_ns = now_ns()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return until_ns


def _process(root: Path, run: Path, withheld: Iterable[str]) -> subprocess.Popen[bytes]:
    (run / "logs").mkdir(exist_ok=True)
    with (run / "logs" / "alerts-receiver.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, "--deployment", str(root), "--run", str(run), "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=variables.without(withheld),
        )


def serve(receiver: Receiver, over: Callable[[], bool]) -> None:
    """Serve until ``over``."""
    with receiver:
        while not over():
            receiver.handle_request()


def main() -> None:
    """Serve until SIGTERM, or until whoever started this has ended."""
    parser = argparse.ArgumentParser(description="Receives what an Alertmanager tells.")
    parser.add_argument("--deployment", type=Path, required=True, help="root of the running environment")
    parser.add_argument("--run", type=Path, required=True, help="run directory")
    parser.add_argument("--parent", type=int, required=True, help="end when this process ends")
    arguments = parser.parse_args()
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    monitoring = load(arguments.deployment).monitoring
    if monitoring is None:
        raise SystemExit("this environment has no monitoring")
    token = Path(monitoring.token_file).read_text(encoding="ascii").strip()
    receiver = Receiver(HOST, monitoring.webhook_port, token, lambda note: note_alert(arguments.run, note))
    serve(receiver, lambda: ended or os.getppid() != arguments.parent)


if __name__ == "__main__":
    main()
