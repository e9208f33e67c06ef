"""``closeshave worker``: what is wrong is said in one sentence with exit code 2, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from closeshave import __version__
from closeshave.machines.credentials import RunCredentials
from closeshave.machines.joinfile import JoinFile


@pytest.fixture(scope="module")
def join(tmp_path_factory: pytest.TempPathFactory) -> JoinFile:
    """Of a run that is over."""
    made = RunCredentials.make(tmp_path_factory.mktemp("own"), "run-1")
    return JoinFile(1, "run-1", __version__, "a" * 64, 7, made.authority, made.machines.decode(), made.token)


@pytest.mark.parametrize(
    ("arguments", "mode", "said"),
    [
        (["--master", "192.0.2.7"], 0o600, "--master: '192.0.2.7' is not HOST:PORT, like 192.0.2.7:7300 or [2001:db8::7]:7300; the run prints it"),
        (["--master", "2001:db8::7:7300"], 0o600, "is not HOST:PORT"),
        (["--master", "host:0"], 0o600, "is not HOST:PORT"),
        (["--master", "host:65536"], 0o600, "is not HOST:PORT"),
        (["--master", "127.0.0.1:1", "--name", "../up"], 0o600, "--name: '../up' is no name of a load machine"),
        (["--master", "127.0.0.1:1"], 0o604, "every user of this machine may read it: chmod 600"),
        (["--master", "127.0.0.1:1", "--name", "east", "--patience", "1"], 0o600, "load machine east: the run at 127.0.0.1:1 cannot be reached"),
        (["--master", "[::1]:1", "--name", "east", "--patience", "1"], 0o600, "the run at [::1]:1 cannot be reached: Connection refused"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(command, tmp_path: Path, join: JoinFile, arguments: list[str], mode: int, said: str) -> None:
    """And nothing is left."""
    path = tmp_path / "join.json"
    join.save(path)
    path.chmod(mode)
    done = command("worker", "--join", str(path), *arguments, cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert said in " ".join(done.stderr.decode().split())
    assert not (tmp_path / "reports").exists()


def test_a_file_that_is_no_join_file(command, tmp_path: Path) -> None:
    """Whatever is in it, it is not repeated."""
    path = tmp_path / "join.json"
    path.write_text('{"token": "planted"}')
    path.chmod(0o600)
    done = command("worker", "--join", str(path), "--master", "127.0.0.1:1", cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert "it is no join file of this version" in done.stderr.decode()
    assert b"planted" not in done.stderr


def test_a_join_file_that_is_not_there(command, tmp_path: Path) -> None:
    """It is waited for only where that was asked for."""
    done = command("worker", "--join", "join.json", "--master", "127.0.0.1:1", cwd=tmp_path, environ={"HOME": str(tmp_path)})
    assert done.code == 2
    assert "there is no file join.json; the run writes it, and you copy it here" in " ".join(done.stderr.decode().split())
