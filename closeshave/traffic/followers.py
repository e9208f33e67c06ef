"""Customers who follow their bookings by WebSocket, and connect again whenever their connection ends: a process of its own beside the load.

Only a few of each region follow, with a thread each. What they see goes line by line into a file of the environment, where faults look too
(:data:`closeshave.deployment.FOLLOWED`), and after the load into the run.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from closeshave import private
from closeshave.clients import updates
from closeshave.clock import now_ns
from closeshave.control import variables
from closeshave.deployment import FOLLOWED, OWN_REQUESTS, Deployment, LiveUpdates, load
from closeshave.files import append_line, read_lines
from closeshave.history import UPDATES, UPDATES_FILE, Told, save_rows
from closeshave.history.ids import number
from closeshave.traffic import accounts
from closeshave.traffic.accounts import LoggedIn
from closeshave.traffic.load import ACCOUNTS_FILE

OF_A_REGION = 6
AGAIN_S = 0.3
SILENT_S = 6.0
"""A platform that says nothing for so long is taken to be gone: the stand-in says something every two seconds."""
STOP_TIMEOUT_S = 8.0
Note = Callable[[Told], None]


@dataclass(slots=True)
class Followers:
    """The handle of their process."""

    process: subprocess.Popen[bytes]
    root: Path

    @classmethod
    def start(cls, root: Path, run: Path, withheld: Iterable[str] = ()) -> Followers:
        """Start them for the environment below ``root``; ``withheld`` names variables that they do not need. Raises :class:`OSError`."""
        (root / FOLLOWED).write_bytes(b"")
        (run / "logs").mkdir(exist_ok=True)
        with (run / "logs" / "followers.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, "--deployment", str(root), "--run", str(run), "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=variables.without(withheld),
            )
        return cls(process, root)

    def stop(self) -> None:
        """End them; the last line says that they ended. What they saw stays in the environment."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def collect(root: Path, run: Path) -> None:
    """Write what they saw into the run. Raises :class:`OSError` and :class:`ValueError` for a missing or damaged file."""
    rows = [asdict(Told(**line)) for line in read_lines(root / FOLLOWED)]
    save_rows(run / UPDATES_FILE, pa.Table.from_pylist(rows, schema=UPDATES))


def chosen(everybody: Sequence[LoggedIn], regions: Iterable[str]) -> list[LoggedIn]:
    """The first few of each region whose ID the platform has told. Pure."""
    return [one for region in regions for one in [each for each in everybody if each.region == region and each.client][:OF_A_REGION]]


def follow(one: LoggedIn, url: str, live: LiveUpdates, note: Note, before: Callable[[], None], over: threading.Event) -> None:
    """Follow a customer's bookings until ``over``; ``before`` is called before each handshake."""
    client = str(one.client)
    while not over.is_set():
        before()
        try:
            with updates.UpdateStream(url, live.path, one.token) as connection:
                note(Told("opened", client, one.region, now_ns()))
                try:
                    _hear(connection, client, one.region, note, over)
                finally:
                    note(Told("closed", client, one.region, now_ns()))
        except updates.NoStream:
            pass
        except Exception:  # noqa: BLE001 - a customer who gives up would look like a platform that tells nothing; the log has the traceback
            traceback.print_exc()
        over.wait(AGAIN_S)


def _hear(connection: updates.UpdateStream, client: str, region: str, note: Note, over: threading.Event) -> None:
    spoke = time.monotonic()
    with suppress(updates.StreamEnded):
        while not over.is_set() and time.monotonic() - spoke < SILENT_S:
            text = connection.receive(0.5)
            if text is None:
                continue
            spoke = time.monotonic()
            told = updates.update_of(text)
            if told is not None and (booking := number(told.booking)) is not None:
                note(Told("update", client, region, now_ns(), booking, told.version))


def run_all(deployment: Deployment, everybody: Sequence[LoggedIn], over: threading.Event) -> None:
    """Follow until ``over``, and note the end."""
    live, root = deployment.application.live, Path(deployment.root)
    if live is None:
        raise ValueError(f"{deployment.name} has no live updates")
    file, lock = root / FOLLOWED, threading.Lock()

    def note(told: Told) -> None:
        with lock:
            append_line(file, asdict(told))

    def before(region: str) -> Callable[[], None]:
        # An edge counts a handshake as a request, which no customer of the load has sent.
        return lambda: append_line(root / OWN_REQUESTS, {"region": region})

    threads = [
        threading.Thread(target=follow, args=(one, deployment.edge(one.region).url, live, note, before(one.region), over), daemon=True)
        for one in chosen(everybody, deployment.topology.regions)
    ]
    for thread in threads:
        thread.start()
    over.wait()
    for thread in threads:
        thread.join(2)
    note(Told("ended", "", "", now_ns()))


def main() -> None:
    """Follow until SIGTERM, or until whoever started this has ended."""
    parser = argparse.ArgumentParser(description="Customers who follow their bookings by WebSocket.")
    parser.add_argument("--deployment", type=Path, required=True, help="root of the running environment")
    parser.add_argument("--run", type=Path, required=True, help="run directory")
    parser.add_argument("--parent", type=int, required=True, help="end when this process ends")
    arguments = parser.parse_args()
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())

    def watch() -> None:
        while not over.wait(1):
            if os.getppid() != arguments.parent:
                over.set()

    threading.Thread(target=watch, daemon=True).start()
    run_all(load(arguments.deployment), accounts.load(private.place(arguments.run) / ACCOUNTS_FILE), over)


if __name__ == "__main__":
    main()
