"""Keeps the logs of the application's processes from filling the disk: ``python log_keeper.py LOGS NAME …``.

A log that has become too long is emptied, and its end is kept as ``NAME.log.1``. Its writer notices nothing, because every log is opened for
appending. It needs only the standard library, and runs as long as the directory exists.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

BYTES_MAX = 16 << 20
"""Above this length a log is emptied."""
KEPT_BYTES = 4 << 20
"""How much of its end is kept."""
EVERY_S = 0.5
NOTE = b"[Closeshave: this log had become too long; only its end was kept, in the file %s]\n"


def shorten(log: Path, bytes_max: int = BYTES_MAX, kept_bytes: int = KEPT_BYTES) -> bool:
    """Empty a log that is longer than this, and keep its end beside it; false for one that is not. Raises :class:`OSError`."""
    if log.stat().st_size <= bytes_max:
        return False
    older = log.with_name(f"{log.name}.1")
    with log.open("rb") as file:
        file.seek(-kept_bytes, os.SEEK_END)
        older.write_bytes(file.read(kept_bytes))
    # What is written in between is lost; how a log is renamed and opened again, its writer would have to know.
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(NOTE % older.name.encode())
    return True


def main() -> None:
    """Look at the logs until their directory is gone."""
    logs = Path(sys.argv[1])
    while logs.is_dir():
        for name in sys.argv[2:]:
            try:
                shorten(logs / f"{name}.log")
            except OSError:
                continue
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
