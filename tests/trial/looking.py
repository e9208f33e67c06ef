"""Looks for secrets where none may be, again and again while a trial runs: the files that it writes, the command lines of its processes, and what
these are given in variables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

import psutil


class Looker(threading.Thread):
    """Watches what a trial whose private directory is below ``place/runtime`` does below ``place``."""

    def __init__(
        self, place: Path, secret: Callable[[bytes], object], folders: Collection[str], variables: Mapping[str, str], sorts: Collection[str]
    ) -> None:
        """``secret`` says whether a text holds one; ``folders`` of ``place`` are to hold none. ``variables`` are secrets by name, and ``sorts`` words
        of command lines that tell processes apart."""
        super().__init__(daemon=True)
        self._place, self._secret, self._folders, self._variables, self._sorts = place, secret, folders, variables, sorts
        self._mark = f"XDG_RUNTIME_DIR={place / 'runtime'}".encode()
        self.found: set[str] = set()
        """Files, and processes whose command lines hold a secret."""
        self.given: dict[str, set[str]] = {}
        """Sort → names of the secrets that such processes had."""
        self.open: set[str] = set()
        """Command lines of processes into whose variables others may look."""
        self.over = threading.Event()
        self.looks = 0

    def run(self) -> None:
        while not self.over.wait(0.2):
            self.look()

    def look(self) -> None:
        """Everything once; what grows is read again."""
        self.looks += 1
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                self._note(process)
        for folder in self._folders:
            for path in (self._place / folder).rglob("*"):
                self._look_at(path)

    def left(self) -> list[list[str]]:
        """Processes of the trial that live."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if self._mark in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(process.cmdline())
        return found

    def _look_at(self, path: Path) -> None:
        with suppress(OSError):
            if path.is_file() and self._secret(path.read_bytes()):
                self.found.add(str(path))

    def _note(self, process: Path) -> None:
        given = (process / "environ").read_bytes()
        if self._mark not in given.split(b"\0"):
            return
        self._look_at(process / "cmdline")
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        sort = next((sort for sort in self._sorts if sort in command), None)
        if sort is not None:
            had = {name for name, value in self._variables.items() if f"{name}={value}".encode() in given}
            self.given.setdefault(sort, set()).update(had)
        if (process / "environ").stat().st_mode & 0o077:
            self.open.add(command)
