"""A pooler has a file for each client: it may open as many as its user may permit."""

from __future__ import annotations

import resource
import subprocess
import sys

from closeshave.control import local


def test_the_limit_of_open_files_is_raised_to_what_is_permitted() -> None:
    """Of another process, while it runs; one that has ended is no trouble."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    program = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({min(64, soft)}, {hard})); print('low', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"low\n"
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (min(64, soft), hard)
        local.allow_files(child.pid)
        assert resource.prlimit(child.pid, resource.RLIMIT_NOFILE) == (hard, hard)
        child.communicate(b"\n")
    local.allow_files(child.pid)
