"""Where ranges of franchises were moved to: a JSON file that an operator replaces while the process runs. A missing file means nowhere.

Reads follow the file: every request looks at it first, at most :data:`LOOK_EVERY_S` late. Writes do not depend on it: while a range moves, the
databases themselves refuse them (SQLSTATE :data:`REFUSED`), on the old shard and on the new one, so that a process which has not looked yet can write
nothing to the wrong place.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from pydantic import TypeAdapter, ValidationError

from closeshave.topology import Routing

LOOK_EVERY_S = 0.02
REFUSED = "CS001"
"""The SQLSTATE with which a database refuses to write a row of a range that is being moved, or was moved away."""
CODEC = TypeAdapter(Routing)
_LOG = logging.getLogger(__name__)


class RoutingTable:
    """The routing in a file. ``path`` is empty for a process without such a file."""

    __slots__ = ("_clock", "_looked_at", "_path", "_routing", "_stamp")

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamp: tuple[int, int] | None = None
        self._routing = Routing()

    def now(self) -> Routing:
        """The routing in force. Of a file that is not understood, the one before."""
        if self._path and (now := self._clock()) - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._routing

    def _look(self) -> None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - for every request in turn, and a path object costs more than the call
        except FileNotFoundError:
            self._routing, self._stamp = Routing(), None
            return
        # The file is replaced, never changed: another file is another inode.
        stamp = (found.st_ino, found.st_mtime_ns)
        if stamp == self._stamp:
            return
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123 - as above
                self._routing = CODEC.validate_json(file.read())
        except (OSError, ValidationError) as error:
            _LOG.error("%s is not understood: %s", self._path, error)
        self._stamp = stamp
