"""Only one harness of this machine loads a platform at a time: a file lock, which is released when its process ends, in whatever way."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class PlatformInUse(RuntimeError):
    """Another harness loads this platform; the message says which."""


class Lock:
    """Held from :meth:`take` to :meth:`release` or the death of this process, whichever comes first."""

    def __init__(self, regions: Mapping[str, str]) -> None:
        """``regions``: base URL by region. Platforms with a common address share a lock."""
        # A directory of all users, so that two users of this machine exclude each other too.
        base = Path(tempfile.gettempdir()) / "closeshave-targets"
        self._paths = sorted({base / hashlib.sha256(url.encode()).hexdigest()[:24] for url in regions.values()})
        self._held: list[int] = []

    def take(self, holder: str) -> None:
        """Take it for ``holder``, a line that others see while it is taken. Raises :class:`PlatformInUse` at once if it is taken, and :class:`OSError`."""
        for path in self._paths:
            path.parent.mkdir(exist_ok=True, mode=0o1777)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
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
