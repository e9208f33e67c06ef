"""Squeeze the CPU of a process: let it run for a share of each period only, by SIGSTOP and SIGCONT.

``python -m closeshave.faults.helpers.squeeze PID STARTED SHARE PERIOD_S AT_NS LASTS_S``. Limits of the kernel's own (cgroups) want
privileges; seen from the process both are the same: it holds its connections and answers late.
"""

from __future__ import annotations

import signal
import sys
import time

from closeshave.clock import now_ns
from closeshave.faults.waiting import SECOND_NS, wait_until
from closeshave.processes import Identity, send


def main(target: Identity, share: float, period_s: float, at_ns: int, lasts_s: float) -> None:
    """From the monotonic nanosecond ``at_ns`` on, until told to end, ``lasts_s`` seconds have passed or the target has ended."""
    try:
        wait_until(at_ns)
        while now_ns() < at_ns + round(lasts_s * SECOND_NS) and send([target], signal.SIGSTOP):
            time.sleep(period_s * (1 - share))
            send([target], signal.SIGCONT)
            time.sleep(period_s * share)
    finally:
        send([target], signal.SIGCONT)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pid, started, share, period_s, at_ns, lasts_s = sys.argv[1:]
    main(Identity(int(pid), float(started)), float(share), float(period_s), int(at_ns), float(lasts_s))
