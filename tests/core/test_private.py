"""Passwords and tokens of a run: never in its directory, readable by this user only, removed with the run."""

import json
import os
import time
from pathlib import Path

import pytest

from closeshave import private
from closeshave.traffic import accounts
from closeshave.traffic.accounts import LoggedIn

ANA = LoggedIn("ana@example.org", "Planted-1234", "here", "planted-token", "planted-refresh", "c", "7")


def test_it_is_outside_of_the_run_and_closed_to_others(tmp_path, runtime):
    """From the first byte on, with any umask."""
    before = os.umask(0)
    try:
        place = private.make(tmp_path / "run")
        accounts.save(place / "accounts.json", [ANA])
    finally:
        os.umask(before)
    assert place.is_relative_to(runtime)
    assert [path.stat().st_mode & 0o777 for path in (place.parent, place, place / "accounts.json")] == [0o700, 0o700, 0o600]
    assert accounts.load(place / "accounts.json") == (ANA,)
    private.forget(tmp_path / "run")
    private.forget(tmp_path / "run")
    assert not place.exists()


@pytest.mark.parametrize("spoil", ["open", "a link", "a file"])
def test_a_directory_that_others_can_read_is_refused(tmp_path, runtime, spoil):
    """Another user may have made it earlier, in a directory that all users may write to."""
    base = runtime / "closeshave-private"
    if spoil == "open":
        base.mkdir()
        base.chmod(0o755)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        base.symlink_to(tmp_path / "elsewhere")
    else:
        base.write_text("")
    with pytest.raises(OSError, match="closeshave-private"):
        private.make(tmp_path / "run")


def test_files_of_dead_runs_are_removed_and_those_of_live_ones_stay(tmp_path, runtime):
    """A machine that was switched off had no janitor."""
    dead, alive = private.make(tmp_path / "dead"), private.make(tmp_path / "alive")
    holder = json.loads((dead / private.HOLDER).read_text())
    (dead / private.HOLDER).write_text(json.dumps({**holder, "started": holder["started"] - 1000}))
    private.make(tmp_path / "next")
    assert (dead.exists(), alive.exists()) == (False, True)


@pytest.mark.parametrize(
    "damage", [b"", b"[", b"[" * 100_000, b'{"pid": 1}', None, "endless", "another container's"], ids=lambda damage: str(damage)[:24]
)
def test_a_directory_with_an_unknown_holder_stays_for_a_day(tmp_path, runtime, damage):
    """It may have just been made, or belong to a process of another container, where the same number means another process."""
    place = private.make(tmp_path / "run")
    holder = json.loads((place / private.HOLDER).read_text())
    (place / private.HOLDER).unlink()
    if damage is not None:
        strange = {**holder, "started": holder["started"] - 1000, "processes": "pid:[1]"}
        strange = {**holder, "pid": float("inf")} if damage == "endless" else strange
        (place / private.HOLDER).write_bytes(damage if isinstance(damage, bytes) else json.dumps(strange).encode())
    private.sweep()
    assert place.exists()
    old_s = time.time() - private.STRANGE_S - 60
    os.utime(place, (old_s, old_s))
    private.sweep()
    assert not place.exists()


@pytest.mark.parametrize("arguments", [["list"], ["env", "status"], ["env", "down"], ["judge", "."], ["validate", "smoke"]], ids=str)
def test_the_next_command_removes_what_a_dead_trial_left(tmp_path, runtime, arguments, command):
    """Any command, also in the temporary directory: a trial that cron started had no runtime directory."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for base in (runtime / "closeshave-private", temporary / f"closeshave-private-{os.getuid()}"):
        (base / "run").mkdir(parents=True)
        base.chmod(0o700)
        (base / "run" / "accounts.json").write_text("Planted-1234")
        dead = {"pid": 2**22 + 1, "started": 1.0, "processes": str(Path("/proc/self/ns/pid").readlink())}
        (base / "run" / private.HOLDER).write_text(json.dumps(dead))
    command(*arguments, environ={**os.environ, "TMPDIR": str(temporary), "CLOSESHAVE_STATE_DIR": str(tmp_path / "state")})
    assert [path for place in (runtime, temporary) for path in place.rglob("accounts.json")] == []


def test_nothing_is_removed_where_others_could_read(tmp_path, runtime):
    """It does not belong to this harness."""
    place = private.make(tmp_path / "run")
    (place / private.HOLDER).write_text(json.dumps({"pid": 2**22 + 1, "started": 1.0, "processes": private._processes()}))
    place.parent.chmod(0o755)
    private.sweep()
    assert place.exists()
    place.parent.chmod(0o700)
    private.sweep()
    assert not place.exists()


def test_runs_of_one_name_in_two_places_do_not_share(tmp_path, runtime):
    """Two users' nightly runs may start in the same second."""
    assert private.place(tmp_path / "a" / "run") != private.place(tmp_path / "b" / "run")


@pytest.mark.parametrize("damage", [b"[", b'[{"email": "ana@example.org", "password": "Planted-1234"}]', b"\xff"])
def test_a_damaged_file_of_accounts_is_not_quoted(tmp_path, damage):
    """The message goes to a log in the run directory."""
    (tmp_path / "accounts.json").write_bytes(damage)
    with pytest.raises(ValueError, match="holds no accounts") as told:
        accounts.load(tmp_path / "accounts.json")
    assert "Planted" not in str(told.value)
