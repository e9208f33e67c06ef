"""Password hashing that is slow by design: it is real work, so it takes longer on a busy machine."""

from __future__ import annotations

import hashlib
import time

TRIED = 20_000
"""Number of rounds with which the machine's speed is measured."""


class Hasher:
    """Uses about ``work_ms`` of a core for each password, by the machine's speed at the start."""

    def __init__(self, work_ms: float) -> None:
        self._rounds = 0
        if work_ms:
            began_s = time.thread_time()
            _hash(TRIED)
            self._rounds = max(1, round(TRIED * work_ms / 1e3 / (time.thread_time() - began_s)))

    def work(self) -> None:
        """Hash one password. Other threads run meanwhile."""
        if self._rounds:
            _hash(self._rounds)


def _hash(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)
