"""Only one harness of this machine loads a platform at a time: a file lock, which is released when its process ends, in whatever way.

Why no library is used for it: docs/decisions/0020-what-is-written-here.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from closeshave.control.machinewide import machine_wide


class PlatformInUse(RuntimeError):
    """Another harness loads this platform; the message says which."""


class Lock:
    """Held from :meth:`take` to :meth:`release` or the death of this process, whichever comes first."""

    def __init__(self, regions: Mapping[str, str]) -> None:
        """``regions``: base URL by region. Platforms with a common address share a lock."""
        # A directory of all users, so that two users of this machine exclude each other too.
        base = machine_wide("closeshave-targets")
        self._paths = sorted({base / hashlib.sha256(url.encode()).hexdigest()[:24] for url in regions.values()})
        self._held: list[int] = []

    def take(self, holder: str) -> None:
        """Take it for ``holder``, a line that others see while it is taken. Raises :class:`PlatformInUse` at once if it is taken, and :class:`OSError`."""
        for path in self._paths:
            descriptor = _opened(path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
                os.close(descriptor)
                self.release()
                raise PlatformInUse(f"is being loaded by {told or 'another harness'}") from None
            self._held.append(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)

    def release(self) -> None:
        """Release it; the file stays, because a file lock must not be removed while another process may wait for it."""
        while self._held:
            os.close(self._held.pop())


def _opened(path: Path) -> int:
    """The file, made if there is none, and such that every user of the machine can lock it. Raises :class:`OSError`."""
    path.parent.mkdir(exist_ok=True)
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_CREAT)
    except PermissionError:
        # In a directory of all users the kernel lets nobody open another user's file as if to create it (fs.protected_regular).
        return os.open(path, flags)
    # Who made them opens them to the others: the umask forbade it when they were made.
    with suppress(PermissionError):
        path.parent.chmod(0o1777)
    with suppress(PermissionError):
        os.fchmod(descriptor, 0o666)
    return descriptor
