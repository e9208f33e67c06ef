"""What the kernel says: of this machine's limits, and of the processes of a measurement. Texts of ``/proc`` are arguments of the pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from closeshave.capacity.loadmachine.values import Allowed
from closeshave.control import processors
from closeshave.environments.evidence import proctable

TIME_WAIT_S = 60.0
"""Linux's own, not a setting (``TCP_TIMEWAIT_LEN`` in ``include/net/tcp.h``)."""
PORTS = 28_232
"""Linux's default, where the kernel does not say it."""
_NETWORK = Path("/proc/sys/net/ipv4")


def allowed(files_max: int) -> Allowed:
    """The limits of this machine."""
    network = {name: _text(_NETWORK / name) for name in ("ip_local_port_range", "ip_local_reserved_ports")}
    return Allowed(
        processors=processors.available(),
        memory_bytes=psutil.virtual_memory().total,
        ports=ports(network["ip_local_port_range"], network["ip_local_reserved_ports"]),
        time_wait_s=TIME_WAIT_S,
        files_max=files_max,
    )


def ports(local: str, reserved: str) -> int:
    """How many local ports the kernel hands out: ``local`` is its first and its last, ``reserved`` are those that it keeps back (``8080,9000-9099``)."""
    found = re.fullmatch(r"\s*(\d{1,5})\s+(\d{1,5})\s*", local)
    if found is None or int(found[1]) > int(found[2]):
        return PORTS
    first, last = int(found[1]), int(found[2])
    kept: set[int] = set()
    for span in reserved.strip().split(","):
        low, _, high = span.partition("-")
        if low.isdigit() and (high or low).isdigit():
            kept.update(range(max(first, int(low)), min(last, int(high or low)) + 1))
    return max(1, last - first + 1 - len(kept))


def peak_bytes(status: str) -> int:
    """The largest resident memory that a process had, from the text of ``/proc/PID/status``; 0 where it is not told, as of one that has ended."""
    found = re.search(r"^VmHWM:\s+(\d{1,15}) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def peak_bytes_of(pids: Iterable[int]) -> int:
    """Of these processes together."""
    return sum(peak_bytes(_text(Path(f"/proc/{pid}/status"))) for pid in pids)


def files_of(family: Iterable[psutil.Process]) -> int:
    """How many files and sockets these processes have open together."""
    found = 0
    for process in family:
        with suppress(psutil.Error):
            found += process.num_fds()
    return found


def processor_s(family: Iterable[psutil.Process]) -> float:
    """Processor time that these processes have used, in seconds."""
    used = 0.0
    for process in family:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def waited_s(family: Iterable[psutil.Process]) -> float:
    """How long the main threads of these processes waited for a processor while they could have run, in seconds."""
    return sum(proctable.waits_ns(process.pid).get(process.pid, 0) for process in family) / 1e9


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
