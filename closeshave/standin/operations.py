"""An operator's instructions to a running process of the platform: a JSON file that the process reads regularly. Absent means none.

It describes failures of a single process while all others are healthy. Planted defects are separate (:mod:`closeshave.standin.switches`).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from closeshave.standin.errors import Json

LOOK_EVERY_S = 0.05
_LOG = logging.getLogger(__name__)


class Operations:
    """The current instructions in the file. ``path`` is empty for a process without such a file."""

    __slots__ = ("_clock", "_error_share", "_looked_at", "_path", "_random")

    def __init__(self, path: str, random: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path) if path else None
        self._random = random
        self._clock = clock
        self._looked_at = float("-inf")
        self._error_share = 0.0

    def failure(self, path: str) -> Json | None:
        """The error with which this request must end before anything is done for it; ``None`` for most requests, and for all health checks."""
        if self._path is None or not path.startswith("/api/"):
            return None
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._error_share = _read(self._path)
        if self._error_share == 0.0 or self._random() >= self._error_share:
            return None
        return Json({"error": "Internal server error", "message": "MemoryError", "request_id": f"{round(now * 1e6):x}"}, 500)


def _read(path: Path) -> float:
    """The share of requests to fail, 0 … 1."""
    try:
        return float(json.loads(path.read_bytes())["error_share"])
    except FileNotFoundError:
        return 0.0
    except (ValueError, KeyError, TypeError) as error:
        _LOG.error("%s is not understood: %s", path, error)
        return 0.0
