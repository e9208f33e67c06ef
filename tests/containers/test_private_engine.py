"""``.ci/engine``: a container engine for one command, and nothing of it afterwards."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from closeshave.control.processes import poll_until

pytestmark = pytest.mark.containers

ENGINE = Path(__file__).parents[2] / ".ci" / "engine"
UNAVAILABLE = 69
ENVIRON = {name: value for name, value in os.environ.items() if name != "CLOSESHAVE_ENGINE_DATA"}
"""Two engines must not share their data, and the tests themselves may run beside one."""


@pytest.fixture(scope="module", autouse=True)
def _possible():
    """Where it is available: without root, or Debian's package, it cannot."""
    reason = "dockerd is not installed" if shutil.which("dockerd") is None else ""
    if not reason and (done := run("true")).returncode == UNAVAILABLE:
        reason = done.stderr
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def run(*argv):
    """A command with an engine of its own, until it ends."""
    return subprocess.run([ENGINE, *argv], capture_output=True, text=True, timeout=120, check=False, env=ENVIRON)


def below(pid):
    """Everything that descends from a process."""
    return psutil.Process(pid).children(recursive=True)


def test_a_command_has_an_engine_of_its_own_and_its_exit_code_is_returned():
    """It sees no container of other engines on the machine."""
    done = run(sys.executable, "-c", "import sys; from closeshave.control import engine; sys.exit(7 if engine.check() is None else 8)")
    assert done.returncode == 7, done.stderr


def test_a_missing_command_is_distinguished_from_a_missing_engine():
    """The decision whether tests are skipped depends on it."""
    assert run("nonesuch").returncode == 127


def test_when_killed_it_ends_engine_and_command():
    """Also by SIGKILL, which it cannot handle."""
    started = subprocess.Popen([ENGINE, "sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE, env=ENVIRON)
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    everyone = below(started.pid)
    assert {"dockerd", "containerd"} <= {process.name() for process in everyone}
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert poll_until(lambda: not any(process.is_running() for process in everyone), 10)
    assert not list(Path("/sys/fs/cgroup").glob(f"*/closeshave-engine-*-{started.pid}/*"))


def test_an_engine_that_dies_in_the_middle_is_reported_in_one_sentence():
    """By the next call, and by the check of the next user."""
    script = """
import os, signal
from pathlib import Path
from closeshave.control import engine, processes
engine.sweep("nobody")
pid = int(Path("/run/engine/pid").read_text())
os.kill(pid, signal.SIGKILL)
processes.poll_until(lambda: processes.identify(pid) is None, 5)
try:
    engine.sweep("nobody")
except engine.EngineFailed as error:
    print(error)
print(engine.check())
"""
    said = run(sys.executable, "-c", script)
    assert said.returncode == 0, said.stderr
    first, second = said.stdout.splitlines()
    assert "did not answer when asked to list its containers; has it been stopped or restarted?" in first
    assert "did not answer" in second


def test_a_full_disk_is_reported_in_one_sentence():
    """The engine's, which holds images and containers."""
    script = """
import subprocess
from closeshave.control import engine
from closeshave.environments.containers import images
from closeshave.environments.stack import Images
subprocess.run(["mount", "-o", "remount,size=24m", "/run"], check=True)
try:
    images.make(next(recipe for recipe in images.recipes(Images()) if recipe.tag == Images().valkey), lambda _: None)
except engine.EngineFailed as error:
    print(error)
"""
    said = run(sys.executable, "-c", script)
    assert said.returncode == 0, said.stderr
    [sentence] = said.stdout.splitlines()
    assert "its disk is full" in sentence
