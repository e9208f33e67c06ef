"""Runs a program with another monotonic clock, as another machine has: ``python otherclock.py NANOSECONDS PROGRAM…`` in a time namespace of its own."""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWTIME = 0x80


def main(ahead_ns: int, program: list[str]) -> int:
    """Root only; Linux 5.6 and later (time_namespaces(7)). Returns the program's exit code."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWTIME) != 0:
        raise OSError(ctypes.get_errno(), "no time namespace")
    Path("/proc/self/timens_offsets").write_text(f"monotonic {ahead_ns // 10**9} {ahead_ns % 10**9}\n", encoding="ascii")
    # Children are in the new namespace, this process is not.
    child = os.fork()
    if child == 0:
        os.execvp(program[0], program)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
