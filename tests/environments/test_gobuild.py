"""Servers built by Go: kept once built, and a machine without Go modules starts quickly anyway."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from closeshave.environments.gobuild import ETCD, TOXIPROXY, CannotBuild, built


@pytest.fixture
def go(tmp_path, monkeypatch):
    """Put a program called ``go`` first on the PATH, with an empty cache; returns a function that sets what it does."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    (tmp_path / "bin").mkdir()
    calls = tmp_path / "calls"
    calls.touch()

    def does(script):
        program = tmp_path / "bin" / "go"
        program.write_text(
            f'#!/bin/sh\necho "$1 $2" >> {calls}\n[ "$1" = version ] && echo "go version go1.99.0 linux/amd64" && exit 0\n{script}\n'
        )
        program.chmod(0o755)
        return lambda: calls.read_text().splitlines()

    return does


def poll(ready, within_s=60.0):
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


BUILDS = 'while [ "$1" != -o ]; do [ $# -gt 1 ] || exit 0; shift; done; echo built > "$2"'


def test_a_server_is_built_once_and_stored(go):
    """The second start finds it."""
    calls = go(BUILDS)
    assert built(ETCD, print).read_text() == "built\n"
    before = len(calls())
    assert built(ETCD, print) == ETCD.binary
    assert len(calls()) == before


def test_an_unreachable_registry_is_reported_and_not_tried_at_every_start(go):
    """A machine that reaches no Go modules must not wait for them each time."""
    calls = go("echo dial tcp: no route to host; exit 1")
    with pytest.raises(CannotBuild, match="no route to host"):
        built(TOXIPROXY, print)
    before = len(calls())
    with pytest.raises(CannotBuild, match="tried less than an hour ago"):
        built(TOXIPROXY, print)
    assert len(calls()) == before


def test_what_killed_builds_left_is_removed_by_the_next_one(go):
    """Of this server alone: others may be at work. A build that fails leaves nothing."""
    go(BUILDS)
    there = ETCD.binary.parent
    there.mkdir(parents=True)
    left = ("etcd-3.6.4711", f"{ETCD.binary.name}.4711", f"etcd-3.5.1-{'0' * 12}.4711")
    kept = (f"etcd-tool-3.6.16-{'0' * 12}.4711", f"etcd-3.5.1-{'0' * 12}", "toxiproxy-2.12.4711")
    for name in (*left, *kept):
        (there / name).write_text("")
    built(ETCD, print)
    assert {path.name for path in there.iterdir()} == {ETCD.binary.name, *kept}
    go("exit 1")
    with pytest.raises(CannotBuild):
        built(TOXIPROXY, print)
    assert {path.name for path in there.glob("toxiproxy*")} == {f"{TOXIPROXY.binary.name}.failed"}


def test_a_failed_build_of_other_sources_is_no_reason_to_wait(go, tmp_path):
    """New sources are tried at once."""
    go("exit 1")
    with pytest.raises(CannotBuild):
        built(ETCD, print)
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "go.mod").write_text("module x\n\ngo 1.20\n")
    (tmp_path / "etcd" / "go.sum").write_text("")
    go(BUILDS)
    assert built(replace(ETCD, modules=tmp_path), print).exists()


def test_doctor_tries_again(go):
    """A diagnosis must be up to date."""
    go("exit 1")
    with pytest.raises(CannotBuild):
        built(TOXIPROXY, print)
    go(BUILDS)
    assert built(TOXIPROXY, print, retry=True).exists()


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_doctor_that_is_stopped_leaves_no_compiler_and_no_file(go, tmp_path, number):
    """It ends at once, with the code of an interruption."""
    mine = tmp_path / "compiler"
    go(BUILDS.replace('echo built > "$2"', f'echo half > "$2"; echo $$ >> {mine}; exec sleep 600'))
    doctor = subprocess.Popen([sys.executable, "-m", "closeshave", "doctor"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    poll(lambda: len(mine.read_text().split()) == 2 if mine.exists() else False)
    doctor.send_signal(number)
    assert doctor.wait(30) == 130
    assert not [pid for pid in mine.read_text().split() if Path("/proc", pid).exists()]
    assert not [*ETCD.binary.parent.glob("*.*[0-9]")]


def test_other_sources_make_another_program(tmp_path):
    """A stored program can never belong to other sources than the pinned ones."""
    sources = tmp_path / "etcd"
    sources.mkdir()
    (sources / "go.mod").write_text("module x\n\ngo 1.20\n")
    (sources / "go.sum").write_text("")
    assert replace(ETCD, modules=tmp_path).binary != ETCD.binary
