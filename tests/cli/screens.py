"""What the command shows on a terminal of a given size, and in a pipe; and golden copies of it.

``GOLDEN=write python -m pytest tests/cli/test_golden.py`` writes the copies again: read what has changed before you keep it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).with_name("golden")
ESCAPE = "␛"
"""Stands for the character that begins a terminal's sequences."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal."""

    columns: int
    rows: int


def on_terminal(act: Callable[[int], int], size: Size) -> tuple[int, str]:
    """What ``act`` writes to the descriptor of a terminal of this size, with its result. Its end of line is that of a pipe."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))
    heard = bytearray()

    def listen() -> None:
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                # Linux says so when nobody has the other end any more.
                return
            heard.extend(data)

    reader = threading.Thread(target=listen)
    reader.start()
    try:
        result = act(theirs)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    return result, heard.decode().replace("\r\n", "\n")


def compare(name: str, shown: str) -> None:
    """Hold what was shown against its golden copy."""
    path, told = GOLDEN / f"{name}.txt", shown.replace("\x1b", ESCAPE)
    if os.environ.get("GOLDEN") == "write":
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8"), f"{path.name} differs; GOLDEN=write writes it again"
