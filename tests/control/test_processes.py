"""Real processes, found by record and never by name."""

import os
import secrets
import signal
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from closeshave.deployment import Process


@pytest.fixture
def environment(tmp_path):
    """A root and an environment ID; whatever was started is swept away, and must be gone."""
    id_ = f"test-{secrets.token_hex(8)}"  # two sessions on one machine may share a directory's name
    yield tmp_path, id_
    assert processes.sweep(id_) == []


def sleeper(**changes):
    """A process that only sleeps."""
    return Process(**{"name": "sleeper", "role": "app", "region": None, "argv": ("sleep", "60"), **changes})


def test_a_started_process_is_found_again_from_its_record(environment):
    """Another process of the harness finds the same incarnation."""
    root, id_ = environment
    identity = processes.start(root, id_, sleeper())
    assert processes.find(root, sleeper()) == identity


def test_a_killed_process_is_gone_before_it_is_waited_for(environment):
    """A zombie counts as ended."""
    root, id_ = environment
    identity = processes.start(root, id_, sleeper())
    processes.send([identity], signal.SIGKILL)
    assert processes.gone([identity], 5) == []
    assert processes.find(root, sleeper()) is None


def test_a_reused_process_id_is_not_mistaken_for_the_old_process():
    """The start time is part of the identity."""
    mine = processes.identify(os.getpid())
    assert mine is not None
    assert not processes.Identity(mine.pid, mine.started - 5).alive


def test_a_family_has_children_and_the_daemon_of_the_pid_file(environment):
    """A region's loss must kill the whole family, a detached daemon too."""
    root, id_ = environment
    pid_file = root / "daemon.pid"
    script = f"setsid sh -c 'echo $$ > {pid_file}; exec sleep 61' & exec sleep 62"
    process = sleeper(argv=("sh", "-c", script), pid_file=str(pid_file))
    processes.start(root, id_, process)
    assert processes.poll_until(lambda: pid_file.exists() and processes.daemon(root, process) is not None, 5)
    daemon = processes.daemon(root, process)
    assert daemon in processes.family(root, process)
    assert len(processes.family(root, process)) == 2


def test_a_sweep_finds_marked_processes_without_any_record(environment):
    """When records are lost the mark in the environment variables still finds every process, and its children."""
    root, id_ = environment
    identity = processes.start(root, id_, sleeper(argv=("sh", "-c", "env -i sleep 63 & sleep 64; true")))
    assert processes.poll_until(lambda: len(processes.descendants(identity)) == 3, 5)
    (root / "processes" / "sleeper.json").unlink()
    everyone = processes.descendants(identity)
    assert processes.sweep(id_) == []
    assert not any(member.alive for member in everyone)


def test_a_sweep_spares_what_carries_another_mark(environment):
    """Two environments on one machine never touch each other."""
    root, id_ = environment
    identity = processes.start(root, id_, sleeper())
    assert processes.sweep("somebody-else") == []
    assert identity.alive


def test_a_process_starts_again_from_the_same_value(environment):
    """A lost part comes back unchanged, with its output appended."""
    root, id_ = environment
    process = sleeper(argv=(sys.executable, "-c", "print('hello', flush=True); import time; time.sleep(60)"), nice=3)
    log = Path(root, "logs", "sleeper.log")
    first = processes.start(root, id_, process)
    assert processes.poll_until(lambda: log.read_text().count("hello") == 1, 5)
    processes.send([first], signal.SIGKILL)
    second = processes.start(root, id_, process)
    assert processes.poll_until(lambda: log.read_text().count("hello") == 2, 5)
    assert second != first
    handle = second.handle()
    assert handle is not None
    assert handle.nice() == min(os.nice(0) + 3, 19)
