"""Helper programs: with a time limit, and never running longer than their caller."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from closeshave.environments.commands import CommandEnded, CommandFailed, end_all, run


def test_what_a_program_printed_is_returned():
    """Both streams, as one text."""
    assert run(["sh", "-c", "echo out; echo err >&2"], timeout_s=20) == "out\nerr\n"


def test_a_failure_shows_the_last_lines():
    """They hold the reason."""
    with pytest.raises(CommandFailed, match="ended with 3: no such module"):
        run(["sh", "-c", "echo no such module; exit 3"], timeout_s=20)


def test_a_program_that_does_not_exist_is_a_failure_like_any_other():
    """Callers handle one error."""
    with pytest.raises(CommandFailed, match="no-such-program"):
        run(["no-such-program"], timeout_s=20)


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path):
    """A compiler starts others, and a network client may hang in one of them."""
    noted = tmp_path / "child"
    with pytest.raises(CommandFailed, match="did not end within 1 s"):
        run(["sh", "-c", f"sleep 60 & echo $! > {noted}; wait"], timeout_s=1)
    child = int(noted.read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("says", "told"), [("echo resolving; echo fetching x 3.1", "resolving | fetching x 3.1"), ("true", "nothing")])
def test_a_program_that_takes_too_long_is_quoted(says, told):
    """What it did last says what it waits for."""
    with pytest.raises(CommandFailed, match=rf"did not end within 0 s; it said last: {re.escape(told)}$"):
        run(["sh", "-c", f"{says}; exec sleep 60"], timeout_s=0.3)


def test_programs_that_other_threads_wait_for_can_be_ended(tmp_path):
    """Ctrl-C reaches only the main thread; a build in another must not continue for minutes, nor count as failed."""
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as waiters:
        waiting = waiters.submit(run, ["sh", "-c", f"touch {begun}; sleep 60"], timeout_s=120)
        deadline = time.monotonic() + 20
        while not begun.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        end_all()
        with pytest.raises(CommandEnded):
            waiting.result(20)
