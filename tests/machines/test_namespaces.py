"""Load machines in network namespaces of their own, each with its own address, against an nginx in another one. Root only."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closeshave.control.processes import poll_until
from closeshave.loadgen.convert import open_all
from tests.machines import otherclock

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nginx"))),
        reason="network namespaces need root, and the programs ip and nginx",
    ),
]
ROOT = Path(__file__).parents[2]
RATE_PER_S = float(os.environ.get("LOAD_MACHINES_PER_S", "300"))
"""Of all machines together: of a machine that has processors for it, more."""
TAG, NET, PORT = f"csm{os.getpid() % 10_000}", "10.213.77", 7307
MACHINES = ("east", "north", "west")
STARTED_S = 240.0
"""A busy machine may need a minute until four interpreters have imported all that they need; no promise is about that."""


def ip(*arguments: str) -> None:
    """Raises what says why."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@dataclass(slots=True)
class Net:
    """A bridge of this machine, and a namespace for nginx and each load machine."""

    place: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    run: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> Path:
        """Of the run."""
        return self.place / "run"

    def inside(self, name: str, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """A program in a namespace."""
        return subprocess.Popen(["ip", "netns", "exec", f"{TAG}-{name}", *command], cwd=ROOT, start_new_session=True, **options)

    def start(self, seconds: float, *, ahead_ns: int = 0) -> None:
        """The run and its three machines, of which one has another clock; returns when the load begins."""
        self.directory.mkdir()
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        arguments = [f"{NET}.1", str(PORT), f"http://{NET}.2:8000", str(len(MACHINES)), str(seconds), str(RATE_PER_S)]
        with (self.place / "run.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.machines.driver", str(self.directory), *arguments]
            self.run = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True)
        assert poll_until((self.directory / "join.json").exists, STARTED_S), self.log("run")
        for name in MACHINES:
            clock = [sys.executable, otherclock.__file__, str(ahead_ns)] if ahead_ns and name == "north" else []
            with (self.place / f"{name}.log").open("wb") as log:
                options = ["--name", name, "--directory", str(self.place / name), "--patience", "120"]
                joining = ["--master", f"{NET}.1:{PORT}", "--join", str(self.directory / "join.json")]
                command = [*clock, sys.executable, "-m", "closeshave", "worker", *joining, *options]
                self.workers[name] = self.inside(name, *command, env=environ, stdout=log, stderr=log)
        assert poll_until((self.directory / "going").exists, STARTED_S + 60), "".join(map(self.log, ("run", *MACHINES)))

    def result(self) -> dict[str, Any]:
        """What the run found in the end."""
        assert self.run is not None
        self.run.wait(300)
        assert (self.directory / "result.json").exists(), "".join(map(self.log, ("run", *MACHINES)))
        told: dict[str, Any] = json.loads((self.directory / "result.json").read_text())
        return told

    def log(self, name: str) -> str:
        """What it said."""
        return (self.place / f"{name}.log").read_text()

    def running(self, name: str) -> list[str]:
        """The IDs of the processes in a namespace."""
        return subprocess.run(["ip", "netns", "pids", f"{TAG}-{name}"], capture_output=True, text=True, check=True).stdout.split()

    def served(self) -> int:
        """How many requests nginx has answered."""
        return len((self.place / "access.log").read_text().splitlines())


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    """Nothing of it is left."""
    found = Net(tmp_path)
    names = ("nginx", *MACHINES)
    try:
        ip("link", "add", TAG, "type", "bridge")
        ip("addr", "add", f"{NET}.1/24", "dev", TAG)
        ip("link", "set", TAG, "up")
        for number, name in enumerate(names, start=2):
            ip("netns", "add", f"{TAG}-{name}")
            ip("link", "add", f"{TAG}{number}", "type", "veth", "peer", "name", "eth0", "netns", f"{TAG}-{name}")
            ip("link", "set", f"{TAG}{number}", "master", TAG, "up")
            ip("-n", f"{TAG}-{name}", "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
            ip("-n", f"{TAG}-{name}", "link", "set", "eth0", "up")
            ip("-n", f"{TAG}-{name}", "link", "set", "lo", "up")
        settings = tmp_path / "nginx.conf"
        settings.write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{ worker_connections 4000; }}\n"
            f"http {{ log_format one '$status'; access_log {tmp_path}/access.log one; keepalive_requests 10000000;\n"
            f"server {{ listen 8000; location / {{ default_type application/json; return 200 '{{}}'; }} }} }}\n"
        )
        found.inside("nginx", "nginx", "-p", str(tmp_path), "-c", str(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert poll_until((tmp_path / "nginx.pid").exists, 10)
        yield found
    finally:
        for process in filter(None, [found.run, *found.workers.values()]):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for name in names:
            listed = subprocess.run(["ip", "netns", "pids", f"{TAG}-{name}"], capture_output=True, text=True, check=False)
            for pid in listed.stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", f"{TAG}-{name}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", TAG], capture_output=True, check=False)


def latencies_ms(directory: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of all records below a directory, sorted."""
    rows = [worker.rows for worker in open_all(directory) if worker.files.rows.name.startswith("customers")]
    return np.sort(np.concatenate([(each["ended_ns"] - each["intended_ns"]) / 1e6 for each in rows]))


def test_three_machines_are_reconciled_exactly(net: Net) -> None:
    """Every arrival once, as many requests as nginx answered, the very response times that the machines recorded; a clock that is 150 ms ahead is found
    within its stated uncertainty, and its machine's requests are due when they were planned."""
    ahead_ns = 150_000_000
    net.start(8.0, ahead_ns=ahead_ns)
    told = net.result()
    assert [net.workers[name].wait(30) for name in MACHINES] == [0, 0, 0], "".join(map(net.log, MACHINES))
    assert told["blind"] == []
    parts = {part["name"]: part for part in told["parts"]}
    assert all(part["intended"] == part["sent"] > 0 == part["late"] == part["blind"] for part in parts.values())
    assert sum(part["intended"] for part in parts.values()) == sum(sent["recorded"] for sent in told["sent"]) == net.served()
    assert all(sent["finished"] and sent["sent"] == sent["recorded"] == sent["requests"] for sent in told["sent"])
    assert [part["troubles"] for part in parts.values()] == [[], [], []]
    for name, part in parts.items():
        truth_ns = ahead_ns if name == "north" else 0
        assert abs(part["offset_ns"] - truth_ns) <= part["uncertainty_ns"] < 20_000_000, part
    # One recorder for all would have written the same rows: those of the machines' own disks, side by side.
    own = np.sort(np.concatenate([latencies_ms(net.place / name / f"20261121-test-{name}" / "spool") for name in MACHINES]))
    assert (latencies_ms(net.directory / "spool") == own).all()
    intended = np.concatenate([np.asarray(each.rows["intended_ns"]) for each in open_all(net.directory / "spool")]) - told["start_ns"]
    worst_ns = max(part["uncertainty_ns"] for part in parts.values())
    assert intended.min() >= -worst_ns
    assert intended.max() <= 8e9 + worst_ns


def in_time(ended: Callable[[], bool], seconds: float) -> float:
    """Seconds until it was so."""
    begun = time.monotonic()
    assert poll_until(ended, seconds)
    return time.monotonic() - begun


def test_a_machine_that_is_cut_off_and_one_that_is_killed(net: Net) -> None:
    """The first stops by itself, and hands its records over when it is back; of the second, what it had recorded is known. What is unknown is said."""
    net.start(34.0)
    time.sleep(4)
    ip("-n", f"{TAG}-east", "link", "set", "eth0", "down")
    # The command itself, with kill -9: its senders notice by themselves.
    os.killpg(net.workers["west"].pid, signal.SIGKILL)
    in_time(lambda: net.running("west") == [], 10)
    served = net.served()
    time.sleep(20)
    assert net.served() > served, "the third machine goes on"
    ip("-n", f"{TAG}-east", "link", "set", "eth0", "up")
    told = net.result()
    parts = {part["name"]: part for part in told["parts"]}
    assert all(part["intended"] == part["sent"] + part["late"] + part["blind"] for part in parts.values())
    assert parts["north"]["intended"] == parts["north"]["sent"]
    assert parts["east"]["blind"] > 0 < parts["west"]["blind"]
    assert parts["east"]["ended"] == "the run was not heard for 5 s"
    blind = {each["worker"]: each for each in told["blind"]}
    # By name: east has the first process, north the second, west the third.
    assert set(blind) == {"customers-1", "customers-3"}
    assert blind["customers-1"]["why"] == "of load machine east ended early (the run was not heard for 5 s)"
    assert blind["customers-3"]["why"] == "of load machine west was lost"
    for each in blind.values():
        assert each["from_ns"] - told["start_ns"] < 20e9
        assert each["to_ns"] - told["start_ns"] > 30e9
    assert net.workers["east"].wait(30) == 0, net.log("east")
    assert any(said.startswith("east is back after ") for said in told["news"])


def test_a_run_that_is_killed_leaves_nothing_running(net: Net) -> None:
    """Within ten seconds no machine runs anything, and each has its records."""
    net.start(60.0)
    time.sleep(4)
    assert net.run is not None
    os.killpg(net.run.pid, signal.SIGKILL)
    in_time(lambda: all(net.running(name) == [] for name in MACHINES), 10)
    served = net.served()
    for name in MACHINES:
        assert net.workers[name].wait(5) == 4
        assert "is lost: Connection refused; this machine's records are in" in net.log(name).replace("\n", " ")
    recorded = sum(len(each.rows) for name in MACHINES for each in open_all(net.place / name / f"20261121-test-{name}" / "spool"))
    assert recorded == served
