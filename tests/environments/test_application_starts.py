"""What an application can do wrong while its environment starts and runs, piece by piece: preparing, listening, logging."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from closeshave.environments import listening, log_keeper, preparing
from closeshave.environments.errors import EnvironmentFailed
from closeshave.environments.evidence import grade
from closeshave.environments.preparing import Preparation
from closeshave.topology import Shard

SHARD = Shard(1, 1, 10, "here", "here")
URL = "postgresql://bookings@127.0.0.1:1/bookings"


def prepared(directory: Path, script: str, within_s: float = 20.0) -> Preparation:
    """A preparation by a Python script."""
    return Preparation(
        (sys.executable, "-c", script),
        {"URL": "{database_url}", "OUT": "{accounts_file}"},
        str(directory),
        within_s,
        {"shard": "1"},
        "",
        "",
    )


def test_a_preparation_gets_its_database_and_may_write_accounts(tmp_path: Path) -> None:
    """By variables; the text of the accounts comes back."""
    script = "import os; open(os.environ['OUT'], 'w').write('email,password,region\\n' + os.environ['URL'] + ',p,here\\n')"
    assert preparing.carry_out(prepared(tmp_path, script), SHARD, URL) == f"email,password,region\n{URL},p,here\n"
    assert preparing.carry_out(prepared(tmp_path, "pass"), SHARD, URL) is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("script", "within_s", "message"),
    [
        (
            "print('applying 0001'); print('no such table'); raise SystemExit(3)",
            20.0,
            r"ended with exit code 3; it said last: applying 0001 \| no such table",
        ),
        (
            "import time; print('waiting for a lock', flush=True); time.sleep(60)",
            1.0,
            "has not ended within 1 s; it said last: waiting for a lock",
        ),
        ("import sys\nwhile True: sys.stdout.write('x' * 9999 + '\\n')", 1.0, "has not ended within 1 s; it said last: x"),
        (
            "import os; open(os.environ['OUT'], 'wb').write(b'\\xff\\xfe')",
            20.0,
            r"wrote an \{accounts_file\} that is no file of UTF-8 text",
        ),
        ("import os; os.mkdir(os.environ['OUT'])", 20.0, r"wrote an \{accounts_file\} that is no file of UTF-8 text"),
    ],
)
def test_a_preparation_that_fails_or_never_ends_is_told_of(tmp_path: Path, script: str, within_s: float, message: str) -> None:
    """With the end of its output, and no process is left."""
    with pytest.raises(EnvironmentFailed, match=message) as caught:
        preparing.carry_out(prepared(tmp_path, script, within_s), SHARD, URL)
    assert str(caught.value).startswith("application.prepare of shard 1: ")
    assert len(str(caught.value)) < 2_000
    left = [process for process in psutil.process_iter(["cmdline"]) if script in (process.info["cmdline"] or ())]
    assert left == []


def test_a_preparation_that_cannot_be_run_is_told_of(tmp_path: Path) -> None:
    """Not as a traceback."""
    with pytest.raises(EnvironmentFailed, match="cannot be run"):
        preparing.carry_out(replace(prepared(tmp_path, ""), command=("./no-such-program",)), SHARD, URL)


def test_listening_sockets_are_found_in_the_kernels_table() -> None:
    """IPv4, IPv6, and IPv4 in the form of IPv6; only those of the process's own sockets."""
    v4 = ["0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 11 1", "1: 0100007F:1F91 00000000:0000 0A 0:0 0:0 0 0 0 99 1"]
    v6 = [
        "0: 00000000000000000000000001000000:1F92 0:0 0A 0:0 0:0 0 0 0 12 1",
        "1: 0000000000000000FFFF00000100007F:1F93 0:0 01 0:0 0:0 0 0 0 12 1",
    ]
    assert set(listening.listeners(v4, socket.AF_INET, {"11"})) == {("127.0.0.1", 8080)}
    assert set(listening.listeners(v6, socket.AF_INET6, {"12"})) == {("::1", 8082)}


@pytest.mark.parametrize(
    ("answer", "declared"),
    [
        ({"stand_in": True}, True),
        ({"stand_in": "true"}, False),
        ({"stand_in": 1}, False),
        ({"status": "ok"}, False),
        (None, False),
        ([True], False),
    ],
)
def test_only_a_stand_in_that_says_so_is_one(answer: object, declared: bool) -> None:
    """By the value true in its health route, and by nothing else."""
    assert grade.declares(answer) is declared


def test_a_log_that_became_too_long_is_emptied_and_its_end_is_kept(tmp_path: Path) -> None:
    """Its writer goes on at the new end, because it appends."""
    log = tmp_path / "app-here-0.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 1000)
        assert log_keeper.shorten(log, 4_000, 100) is False
        writer.write(b"last words\n")
        assert log_keeper.shorten(log, 4_000, 100) is True
        writer.write(b"new words\n")
    assert log.read_bytes().endswith(b"only its end was kept, in the file app-here-0.log.1]\nnew words\n")
    assert log.stat().st_size < 200
    older = log.with_name("app-here-0.log.1")
    assert older.stat().st_size == 100
    assert older.read_bytes().endswith(b"last words\n")


def test_the_keeper_of_logs_ends_with_their_directory(tmp_path: Path) -> None:
    """It needs only the standard library."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log").write_bytes(os.urandom(64))
    keeper = subprocess.Popen([sys.executable, "-I", "-S", log_keeper.__file__, str(logs), "a", "missing"])
    try:
        (logs / "a.log").unlink()
        logs.rmdir()
        assert keeper.wait(10) == 0
    finally:
        keeper.kill()
