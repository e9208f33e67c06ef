"""A program on the networks of another process, if the kernel permits it; otherwise the caller uses another way."""

import os
import subprocess
import sys

import pytest

from closeshave.control.engine.entering import enter

LOOPBACK_IS_DOWN = "import socket; s = socket.socket(); s.settimeout(1); print(s.connect_ex(('127.0.0.1', 9)))"
ENETUNREACH, ECONNREFUSED = 101, 111


@pytest.fixture
def lonely():
    """A process in a network namespace of its own, whose loopback is down."""
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only whoever may make a network namespace may enter one")
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 60"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_it_sees_the_networks_of_the_other(lonely):
    """There no host can be reached; here the port refuses."""
    assert enter(lonely, [sys.executable, "-c", LOOPBACK_IS_DOWN]) == f"{ENETUNREACH}\n"
    assert enter(os.getpid(), [sys.executable, "-c", LOOPBACK_IS_DOWN]) == f"{ECONNREFUSED}\n"


def test_a_program_that_fails_returns_nothing(lonely):
    """What it printed before may be incomplete."""
    assert enter(lonely, [sys.executable, "-c", "print(1); raise SystemExit(1)"]) is None


def test_a_process_that_is_gone_cannot_be_entered():
    """It may end between being found and being entered."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert enter(ended.pid, ["true"]) is None
