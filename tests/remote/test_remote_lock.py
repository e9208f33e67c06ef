"""Two harnesses never load one platform at once."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from closeshave.control import machinewide
from closeshave.environments.remote.lock import Lock, PlatformInUse

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
"""Locks are of the whole machine: each process of the tests has platforms of its own."""
FIRST, SECOND = f"http://127.0.0.1:1/{WORKER}", f"http://127.0.0.1:2/{WORKER}"
REGIONS = {"us-east-1": FIRST, "us-west-2": SECOND}


def test_the_second_gets_a_message_that_names_the_first():
    """Also if only one of their regions is the same."""
    first, second = Lock(REGIONS), Lock({"elsewhere": SECOND})
    first.take("run 1 of somebody")
    with pytest.raises(PlatformInUse, match="run 1 of somebody"):
        second.take("run 2")
    first.release()
    second.take("run 2")
    second.release()


def test_regions_behind_one_address_are_one_platform():
    """A holder does not block itself."""
    lock = Lock({"us-east-1": FIRST, "us-west-2": FIRST})
    lock.take("run 1")
    lock.release()


def test_a_refused_harness_holds_nothing():
    """A lock covers all regions or none."""
    first, second, third = Lock({"b": SECOND}), Lock(REGIONS), Lock({"a": FIRST})
    first.take("first")
    with pytest.raises(PlatformInUse):
        second.take("second")
    third.take("third")
    third.release()
    first.release()


def test_a_killed_holder_holds_nothing(tmp_path):
    """``kill -9`` of a harness leaves no lock behind."""
    script = f"from closeshave.environments.remote.lock import Lock; Lock({REGIONS!r}).take('doomed'); print('held', flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(PlatformInUse, match="doomed"):
        Lock(REGIONS).take("mine")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    mine = Lock(REGIONS)
    mine.take("mine")
    mine.release()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as two users")
@pytest.mark.parametrize(("first", "second"), [(0, 65534), (65534, 0)])
def test_two_users_of_one_machine_exclude_each_other(monkeypatch, first, second):
    """Whoever comes first makes the files, and the other must be able to open them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o1777)
        monkeypatch.setattr(machinewide, "BASE", Path(directory))
        holder, other = Lock(REGIONS), Lock(REGIONS)
        as_user(first, lambda: holder.take("run 1"))
        with pytest.raises(PlatformInUse, match="run 1"):
            as_user(second, lambda: other.take("run 2"))
        holder.release()
        as_user(second, lambda: other.take("run 2"))
        other.release()


def as_user(uid, act):
    """Act with the rights of this user; also with an ordinary umask, whatever the tests run with."""
    mask = os.umask(0o022)
    os.seteuid(uid)
    try:
        act()
    finally:
        os.seteuid(0)
        os.umask(mask)
