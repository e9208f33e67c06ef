"""``closeshave doctor --load``: what it refuses, how it speaks, and that nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from closeshave.capacity import sized
from closeshave.capacity.loadmachine import measuring
from closeshave.control.processes import poll_until
from closeshave.files.shipped import locate
from closeshave.target import read_target
from tests.capacity.machines import MACHINE, machine, paced

TARGET = """\
name: mine
title: Mine
assumes: {think_time: 5s}
claims:
  - {id: M1, text: Serves, how: [capacity], says: [SAYS]}
objectives: []
"""


@pytest.fixture
def ask(command, tmp_path: Path):
    """The command in an empty directory: its code, and what it said on each stream."""

    def carried_out(*arguments: object):
        done = command("doctor", *arguments, cwd=tmp_path, environ={"HOME": str(tmp_path)})
        return done.code, done.stdout.decode(), done.stderr.decode()

    return carried_out


@pytest.fixture
def machine_file(tmp_path: Path) -> Path:
    """What ``--json`` wrote."""
    target = read_target(locate("environments/targets", "bookedbarber-enterprise"))
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(sized.told(sized.sized(MACHINE, target))))
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--load", "--environment", "embedded"), "--environment: does not go with --load"),
        (("--load", "--url", "http://localhost"), "--url: does not go with --load"),
        (("--load", "--write"), "--write: does not go with --load"),
        (("--target", "barberpro-argentina"), "--target: is for --load"),
        (("--markdown",), "--markdown: is for --load"),
        (("--measured", "x.json"), "--measured: is for --load"),
        (("--load", "--markdown", "--json"), "give either --markdown or --json"),
        (("--load", "--target", "bookedbarber-enterprize"), "did you mean bookedbarber-enterprise"),
        (("--load", "--measured", "none.json"), "none.json"),
        (("--load", "--target", "mine.yaml"), "promises neither users nor requests/s"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_measured(ask, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    """In one sentence, and code 2."""
    (tmp_path / "mine.yaml").write_text(TARGET.replace("SAYS", "{rto: 5m}"))
    code, said, complained = ask(*arguments)
    assert (code, said) == (2, "")
    assert told in complained


def test_what_was_measured_elsewhere_is_sized_without_measuring(ask, machine_file: Path) -> None:
    """Code 3, because E01 is more than the measurement supports; in each of the forms."""
    code, said, beside = ask("--load", "--measured", machine_file)
    assert (code, beside) == (3, "")
    assert "claimed 140,845/s, not supported" in said
    code, said, _ = ask("--load", "--measured", machine_file, "--json")
    assert (code, json.loads(said)["sizings"][0]["demand"]["claim"]) == (3, "E01")
    assert json.loads(said) == json.loads(machine_file.read_text())
    code, said, _ = ask("--load", "--measured", machine_file, "--markdown")
    assert (code, said.splitlines()[0]) == (3, "# What a large load takes")
    assert ask("--load", "--measured", machine_file, "--quiet")[1].splitlines()[1] == "E02: 1 load machine"


def test_code_0_where_all_is_supported(ask, tmp_path: Path, machine_file: Path) -> None:
    """For a target of one's own."""
    (tmp_path / "mine.yaml").write_text(TARGET.replace("SAYS", "{requests_per_s: 1000}"))
    assert ask("--load", "--measured", machine_file, "--target", "mine.yaml", "--quiet") == (0, "M1: 1 load machine\n", "")


def test_a_machine_that_was_always_late_is_code_3(ask, tmp_path: Path) -> None:
    """Unknown is no pass."""
    target = read_target(locate("environments/targets", "bookedbarber-enterprise"))
    path = tmp_path / "late.json"
    path.write_text(json.dumps(sized.told(sized.sized(machine(paced=paced((10, 99))), target))))
    code, said, _ = ask("--load", "--measured", path, "--quiet")
    assert code == 3
    assert said.startswith("E01: unknown: even at its lowest rate this machine was not on time")


# -- for real --------------------------------------------------------------------------------------------------------------------------------


def started(tmp_path: Path) -> subprocess.Popen[bytes]:
    """The command, measuring, with its scratch below ``tmp_path``."""
    return subprocess.Popen(
        [sys.executable, "-m", "closeshave", "doctor", "--load", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


def ours(tmp_path: Path) -> list[psutil.Process]:
    """Processes of a measurement with its scratch there."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in process.environ().get("TMPDIR", "") and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.servers
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_nothing_is_left_of_a_measurement_that_is_stopped(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """By Ctrl-C, and by what cannot be caught: no process, and no scratch directory."""
    process = started(tmp_path)
    try:
        assert poll_until(lambda: len(ours(tmp_path)) >= 3 and any(tmp_path.glob("closeshave-load-*/saturated-1/records/*.rows")), 60)
        process.send_signal(number)
        assert process.wait(30) == code
        # Of a killed one the generator's load ends by itself.
        assert poll_until(lambda: not ours(tmp_path) and not [*tmp_path.glob("closeshave-load-*")], 60)
    finally:
        for one in ours(tmp_path):
            one.kill()
        process.communicate()


@pytest.mark.servers
def test_this_machine_is_measured(tmp_path: Path) -> None:
    """Every figure is there, within what any machine does; within two minutes beside other tests; and nothing is left."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "closeshave", "doctor", "--load", "--json"],
        capture_output=True,
        check=False,
        timeout=240,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode in {0, 3}, done.stderr.decode()
    path = tmp_path / "measured.json"
    path.write_bytes(done.stdout)
    found = sized.read(path)
    assert found.saturated[0].workers == 1
    assert found.saturated[0].per_core_per_s.point > 5_000
    assert 0.2 < found.saturated[0].cores <= 1.5
    assert [level.rate_per_s for level in found.paced.levels] == sorted(level.rate_per_s for level in found.paced.levels)
    assert found.paced.levels[0].sent == found.paced.levels[0].due
    assert 200 < found.memory.customer.point < 1_000
    assert found.memory.customers_max == max(measuring.CUSTOMERS)
    assert 1_000 < found.memory.connection.point < 200_000
    assert 20 << 20 < found.memory.worker.point < 400 << 20
    assert time.monotonic() - began_s < 180
    assert ours(tmp_path) == []
    assert [*tmp_path.glob("closeshave-load-*")] == []
