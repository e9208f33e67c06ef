"""Hashing a password: slow by design, and real work, which takes longer on a busy machine."""

from __future__ import annotations

import hashlib
import time

TRIED = 20_000
"""Rounds by which the machine's pace is measured."""


class Hasher:
    """Works about ``work_ms`` of a core for each password, at the pace that the machine had at the start."""

    def __init__(self, work_ms: float) -> None:
        self._rounds = 0
        if work_ms:
            began_s = time.thread_time()
            _hash(TRIED)
            self._rounds = max(1, round(TRIED * work_ms / 1e3 / (time.thread_time() - began_s)))

    def work(self) -> None:
        """Once through. Lets other threads run."""
        if self._rounds:
            _hash(self._rounds)


def _hash(rounds: int) -> None:
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", rounds)
