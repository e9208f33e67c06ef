"""A neighbour that burns one core in bursts of 2 to 20 s, with pauses of such lengths: ``python -m benchmarks.power.bursts SEED``."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

PR_SET_PDEATHSIG = 1
SHORTEST_S, LONGEST_S = 2.0, 20.0


@contextlib.contextmanager
def running(seed: int) -> Iterator[None]:
    """Run it while the block lasts; the kernel ends it with this process, in whatever way that one ends."""
    process = subprocess.Popen([sys.executable, "-m", __name__, str(seed), str(os.getpid())], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main(seed: int, parent: int) -> None:
    """Burn and rest until the parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    chance = random.Random(seed)
    while True:
        until_s = time.monotonic() + chance.uniform(SHORTEST_S, LONGEST_S)
        while time.monotonic() < until_s:
            pass
        time.sleep(chance.uniform(SHORTEST_S, LONGEST_S))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
