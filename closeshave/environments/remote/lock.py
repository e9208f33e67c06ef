"""Only one harness of this machine loads a platform at a time: a file lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class Locked(RuntimeError):
    """Another harness loads this platform; says which."""


class Lock:
    """Held from :meth:`take` to :meth:`release` or the death of this process, whichever comes first."""

    def __init__(self, regions: Mapping[str, str]) -> None:
        """``regions``: base URL by region. Platforms that share an address share a lock."""
        # A directory of all users, so that two users of this machine exclude each other too.
        base = Path(tempfile.gettempdir()) / "closeshave-targets"
        self._paths = sorted({base / hashlib.sha256(url.encode()).hexdigest()[:24] for url in regions.values()})
        self._held: list[int] = []

    def take(self, holder: str) -> None:
        """Take it for ``holder``, a line that is shown to others who find it taken. Raises :class:`Locked` at once when it is, :class:`OSError`."""
        for path in self._paths:
            path.parent.mkdir(exist_ok=True, mode=0o1777)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
                os.close(descriptor)
                self.release()
                raise Locked(f"is being loaded by {told or 'another harness'}") from None
            self._held.append(descriptor)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)

    def release(self) -> None:
        """Release it; the file stays, because a file lock must not be removed while another process may wait for it."""
        while self._held:
            os.close(self._held.pop())
