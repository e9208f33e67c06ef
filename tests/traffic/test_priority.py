"""A sender runs in real time where that is permitted, its helpers never do, and a sender without permission reports that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from closeshave.traffic import priority
from closeshave.traffic.priority import Priority
from closeshave.traffic.runfiles import SenderKind
from tests.traffic.permission import real_time_permitted

WAITING = "print(flush=True); input()"
STARTS_OTHERS = """
import os, subprocess, threading
print(flush=True)
input()
here = lambda: os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
told = [here()]
helper = threading.Thread(target=lambda: told.append(here()))
helper.start()
helper.join()
told.append(int(subprocess.check_output(["python3", "-c", "import os; print(os.sched_getscheduler(0))"])))
print(*told, flush=True)
"""
NOBODY = 65534


@pytest.fixture
def sender() -> Iterator[subprocess.Popen[str]]:
    """A process that stands for one, ready and waiting for a line."""
    yield from program(WAITING)


@pytest.fixture
def starting_others() -> Iterator[subprocess.Popen[str]]:
    """A process that says under which policies it, a thread of its own and a process of its own run, once it is given a line."""
    yield from program(STARTS_OTHERS)


def program(text: str) -> Iterator[subprocess.Popen[str]]:
    """Python carrying out a text, which begins by writing a line; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


@pytest.fixture
def _permitted() -> None:
    if not real_time_permitted():
        told = "no thread may run in real time here (not root, or a control group without a budget for it)"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)


@pytest.mark.usefixtures("_permitted")
@pytest.mark.parametrize("kind", list(priority.PRIORITY))
def test_a_prioritised_sender_runs_in_real_time(sender: subprocess.Popen[str], kind: SenderKind) -> None:
    """The kernel shows it, with the priority of its kind: canaries have precedence over customers."""
    assert priority.priority(sender.pid) is not Priority.REAL_TIME
    priority.hasten(sender.pid, kind)
    assert priority.priority(sender.pid) is Priority.REAL_TIME
    assert os.sched_getparam(sender.pid).sched_priority == priority.PRIORITY[kind]
    assert priority.PRIORITY["canary"] > priority.PRIORITY["customers"]


@pytest.mark.usefixtures("_permitted")
def test_threads_and_helpers_of_a_sender_run_at_normal_priority(starting_others: subprocess.Popen[str]) -> None:
    """A thread that writes records, or a helper, must not hold a processor against the platform."""
    priority.hasten(starting_others.pid, "customers")
    told, _ = starting_others.communicate("\n")
    assert [int(policy) for policy in told.split()] == [os.SCHED_RR, os.SCHED_OTHER, os.SCHED_OTHER]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_sender_without_permission_runs_at_normal_priority() -> None:
    """An ordinary user's sender keeps its priority, and reports that."""
    text = f"""
import os
from closeshave.traffic import priority
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
priority.prefer(os.getpid())
priority.hasten(os.getpid(), "canary")
print(priority.priority(os.getpid()))
"""
    # A limit that root inherited from somewhere would permit it after all.
    told = subprocess.run(["prlimit", "--rtprio=0", "--nice=0", sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert told.stdout.strip() == Priority.NONE, told.stderr


def test_a_better_niceness_is_distinguished_from_real_time(sender: subprocess.Popen[str]) -> None:
    """Where only the former is permitted, the latter is not claimed; an ordinary user is permitted neither."""
    priority.prefer(sender.pid)
    expected = Priority.NICE if os.geteuid() == 0 else priority.priority(sender.pid)
    assert priority.priority(sender.pid) is expected is not Priority.REAL_TIME


def test_a_sender_that_has_ended_has_no_priority(sender: subprocess.Popen[str]) -> None:
    """It may end while its priority is read."""
    sender.kill()
    sender.wait()
    priority.prefer(sender.pid)
    priority.hasten(sender.pid, "customers")
    assert priority.priority(sender.pid) is Priority.NONE
