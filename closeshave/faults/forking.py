"""``python -m closeshave.faults.forking``: imports everything that an experiment needs, and forks a process for each order.

A line on standard input is the path of an order. Lines on standard output say ``ready``, ``started PID ORDER`` and ``ended PID CODE``. It ends when
its standard input ends; experiments that still run go on. The trial's side is ``forkserver.py``.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

from closeshave.faults import experiment
from closeshave.faults.child import log_file

LINE_MAX_BYTES = 65_536


def serve() -> str | None:
    """Fork for every order. Returns its path in each forked process; ``None`` in the server itself, after its last client has ended."""
    # Output of experiments and imports must not be read as an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    wakes, woken = os.pipe()
    for end in (wakes, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    _answer(answers, "ready")
    rest = b""
    while True:
        readable, _, _ = select.select([0, wakes], [], [])
        if wakes in readable:
            os.read(wakes, LINE_MAX_BYTES)
            for pid, code in _ended():
                _answer(answers, f"ended {pid} {code}")
        if 0 not in readable:
            continue
        data = os.read(0, LINE_MAX_BYTES)
        if not data:
            return None
        *orders, rest = (rest + data).split(b"\n")
        for order in orders:
            path = os.fsdecode(order)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for end in (answers, wakes, woken):
                    os.close(end)
                return path
            _answer(answers, f"started {pid} {path}")


def detach(order: Path) -> None:
    """Detach from the server: a session of its own, no standard input, and output to the log of the fault."""
    # A session of its own: Ctrl-C at the terminal is for the trial, which then asks the experiment to heal.
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    log = os.open(log_file(order), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _answer(to: int, line: str) -> None:
    os.write(to, os.fsencode(f"{line}\n"))


def _ended() -> list[tuple[int, int]]:
    """Processes that have ended since the last look, and their exit codes; a signal's number is negative."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    given = serve()
    if given is not None:
        detach(Path(given))
        sys.exit(experiment.main(Path(given)))
