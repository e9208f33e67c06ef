"""Noisy neighbours, which are other programs on the machine: each uses processors, fills memory, keeps the disk busy or stops parts of the harness.

``python -m truth.neighbours NAME --seed N [--run DIRECTORY]`` is one of them. It ends with the process that started it, in whatever way that one
ends: the kernel kills it then (``PR_SET_PDEATHSIG``, prctl(2)), and its own children too. Its files have no name in any directory, and a separate
process resumes after seconds what it stops.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import mmap
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

PR_SET_PDEATHSIG = 1
SHORTEST_S, LONGEST_S = 0.2, 20.0
"""The range of lengths of bursts and of the pauses between them, in seconds."""
MEMORY_BYTES = 3 << 30
"""The limit of its address space: a third of a small machine, and harmless on a larger one."""
FILE_BYTES = 256 << 20
STOPS_S = (0.5, 4.0)
WHOLE = 1 << 20


def burn(_random: random.Random, _run: Path | None, cores: int) -> None:
    """Run so many processes that never sleep."""
    for _ in range(cores - 1):
        _fork(lambda: _spin(float("inf")))
    _spin(float("inf"))


def burst(chance: random.Random, _run: Path | None, cores: int) -> None:
    """Run bursts of 0.2 to 20 s on so many processors, with pauses of such lengths between them."""
    while True:
        until = time.monotonic() + _some_s(chance)
        children = [_fork(partial(_spin, until)) for _ in range(cores)]
        for child in children:
            os.waitpid(child, 0)
        time.sleep(_some_s(chance))  # the pause of the neighbour: there is nothing to wait for


def fill(_random: random.Random, _run: Path | None) -> None:
    """Allocate most of the allowed memory and write to it repeatedly."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    with mmap.mmap(-1, MEMORY_BYTES * 3 // 4) as memory:
        block = os.urandom(WHOLE)
        while True:
            for start in range(0, len(memory), WHOLE):
                memory[start : start + WHOLE] = block
            memory.madvise(mmap.MADV_DONTNEED)


def thrash(_random: random.Random, run: Path | None) -> None:
    """Write an unnamed file to the disk and read it back, repeatedly."""
    block = os.urandom(WHOLE)
    with tempfile.TemporaryFile(dir=run) as file:
        while True:
            file.seek(0)
            for _ in range(FILE_BYTES // WHOLE):
                file.write(block)
                os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            while file.read(WHOLE):
                pass


def stop(chance: random.Random, run: Path | None) -> None:
    """Stop one of the senders or the sampler for some seconds, then another."""
    assert run is not None
    while True:
        time.sleep(_some_s(chance))  # the pause of the neighbour
        found = sorted(run.glob("generators/*.ready"))
        pids = [int(file.read_text()) for file in found]
        if pids:
            seconds = chance.uniform(*STOPS_S)
            # Ends by itself after seconds, and resumes the process even if this one was killed.
            script = f"kill -STOP {chance.choice(pids)} && sleep {seconds:.2f}; kill -CONT {' '.join(map(str, pids))}"
            subprocess.run(["sh", "-c", script], start_new_session=True, check=False, stderr=subprocess.DEVNULL)


def build(_random: random.Random, _run: Path | None) -> None:
    """A build at niceness 19 on every processor."""
    os.nice(19)
    with contextlib.suppress(OSError):
        # Processors are shared out among sessions first (sched(7)), so niceness must be set for the session.
        Path("/proc/self/autogroup").write_text("19")
    burn(_random, None, os.cpu_count() or 1)


NEIGHBOURS: dict[str, Callable[[random.Random, Path | None], None]] = {
    "one core": lambda chance, run: burn(chance, run, 1),
    "every core": lambda chance, run: burn(chance, run, os.cpu_count() or 1),
    "bursts on one core": lambda chance, run: burst(chance, run, 1),
    "bursts on every core": lambda chance, run: burst(chance, run, os.cpu_count() or 1),
    "memory": fill,
    "disk": thrash,
    "stops senders": stop,
    "polite build": build,
}


@contextlib.contextmanager
def running(name: str, seed: int, run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run this neighbour while the block lasts."""
    command = [sys.executable, "-m", __name__, name, "--seed", str(seed), "--run", str(run), "--parent", str(os.getpid())]
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _some_s(chance: random.Random) -> float:
    """A random time, uniform on a logarithmic scale."""
    return float(SHORTEST_S * (LONGEST_S / SHORTEST_S) ** chance.random())


def _spin(until_s: float) -> None:
    while time.monotonic() < until_s:
        for _ in range(100_000):
            pass


def _fork(work: Callable[[], None]) -> int:
    """Fork a child that does ``work`` and ends; it also ends with its parent. Returns its ID."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        end_with(parent)
        work()
        os._exit(0)
    return child


def end_with(parent: int) -> None:
    """From now on this process is killed when ``parent`` ends, in whatever way."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent ended before the signal was requested.
        os._exit(1)


def main() -> None:
    """Run one of them until it is killed."""
    parser = argparse.ArgumentParser(description="Be a noisy neighbour until killed.")
    parser.add_argument("name", choices=NEIGHBOURS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path, help="run directory whose senders may be stopped")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="end when this process ends")
    arguments = parser.parse_args()
    end_with(arguments.parent)
    NEIGHBOURS[arguments.name](random.Random(arguments.seed), arguments.run)  # noqa: S311 - a schedule that can be repeated, no secret


if __name__ == "__main__":
    main()
