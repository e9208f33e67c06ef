"""TCP ports: a block for each environment, claimed on the whole machine, so that two environments never use the same ports.

Blocks lie below the ephemeral range (32768), from which the kernel takes ports for outgoing connections at random.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from closeshave.control.machinewide import machine_wide
from closeshave.files.existing import may_exist

_NAMED = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
FIRST = 10_240
LAST = 32_767


class PortsTaken(OSError):
    """The ports asked for are in use."""


@dataclass(slots=True)
class PortAllocator:
    """Assigns a port to every purpose of every part, in the order of the first calls; the same arguments always give the same port."""

    first: int
    _given: dict[tuple[str, str], int] = field(default_factory=dict)

    def port(self, part: str, purpose: str) -> int:
        """The port of ``part`` for ``purpose``."""
        return self._given.setdefault((part, purpose), self.first + len(self._given))

    @property
    def count(self) -> int:
        """How many ports were given."""
        return len(self._given)


def claims_dir() -> Path:
    """The machine's directory of claims: one file ``FIRST-COUNT`` for each, which names its owner's root."""
    return machine_wide("closeshave-ports")


def claim(root: Path, count: int, first: int | None = None, directory: Path | None = None) -> int:
    """Claim ``count`` consecutive ports for the environment at ``root`` (which must exist) and return the first.

    ``first`` requests a certain block. Raises :class:`PortsTaken` when that block, or every block, is claimed or in use.
    """
    directory = directory or claims_dir()
    with _locked(directory):
        others = _live_claims(directory)
        candidates = [first] if first is not None else range(FIRST, LAST - count + 2, 64)
        for start in candidates:
            block = range(start, start + count)
            if any(start < other.stop and other.start < block.stop for other in others):
                continue
            if any(_listened_on(port) for port in block):
                continue
            (directory / f"{start}-{count}").write_text(str(root), encoding="utf-8")
            return start
    if first is None:
        raise PortsTaken(f"no {count} consecutive ports are free between {FIRST} and {LAST}")
    busy = [port for port in range(first, first + count) if _listened_on(port)]
    reason = f"something listens on {', '.join(map(str, busy[:5]))}" if busy else "another environment has claimed them"
    raise PortsTaken(f"ports {first} to {first + count - 1} are taken: {reason}; choose others in the environment file, or 'ports: auto'")


def free() -> int:
    """A port on which nothing listens at the moment, for a short use without a claim. Raises :class:`PortsTaken`."""
    # From the end, where blocks are claimed last, and by the process, so that two programs rarely try the same.
    start = LAST - os.getpid() % 1024
    for port in range(start, FIRST, -1):
        if not _listened_on(port):
            return port
    raise PortsTaken(f"no port is free between {FIRST} and {start}")


def release(root: Path, directory: Path | None = None) -> None:
    """Release every port that the environment at ``root`` has claimed."""
    directory = directory or claims_dir()
    with _locked(directory):
        for path in directory.glob("*-*"):
            with suppress(OSError):
                if path.read_text(encoding="utf-8", errors="replace") == str(root):
                    path.unlink()


def still_listened_on(ports: range) -> list[int]:
    """Those of ``ports`` on which something accepts connections on loopback."""
    return [port for port in ports if _listened_on(port)]


def _live_claims(directory: Path) -> list[range]:
    """The claimed blocks; claims of environments that are gone are removed."""
    found = []
    for path in directory.glob("*-*"):
        if (named := _NAMED.fullmatch(path.name)) is None:
            # All users can write in the directory: a file that is not a claim is ignored.
            continue
        start, count = int(named[1]), int(named[2])
        try:
            owner = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError:
            # Another user's, or a directory: leave it, there are other blocks.
            found.append(range(start, start + count))
            continue
        # Claims are written under the lock, so the writer of an empty file was killed.
        if owner and may_exist(Path(owner)):
            found.append(range(start, start + count))
        else:
            try:
                path.unlink()
            except PermissionError:
                # Another user's old file: leave it, there are other blocks.
                found.append(range(start, start + count))
    return found


def _listened_on(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Sockets that linger in TIME_WAIT do not count: every server here sets this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the machine's lock; it is released when the process that holds it ends."""
    try:
        directory.mkdir()
        directory.chmod(0o1777)
    except FileExistsError:
        pass
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
