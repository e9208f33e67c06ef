"""The server's own process beside a trial: ``python -m closeshave.live``. It ends when the trial's process has ended."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from closeshave.control.processes import identify
from closeshave.live import access, settings
from closeshave.live.serving import serve


def main() -> None:
    """Serve on a socket that the trial has opened."""
    parser = argparse.ArgumentParser(description="Serve the live view of a run.")
    parser.add_argument("--run", type=Path, required=True, help="run directory")
    parser.add_argument("--socket", type=int, required=True, help="descriptor of a socket that listens")
    parser.add_argument("--trial", type=int, required=True, help="process ID of the trial")
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    told = parser.parse_args()
    harness, kept = identify(told.trial), access.kept(told.run)
    if harness is None or kept is None:
        # The trial ended at once.
        return
    serve(told.run, harness, kept, settings.read(told.address, told.port, told.certificate, told.key), socket.socket(fileno=told.socket))


if __name__ == "__main__":
    main()
