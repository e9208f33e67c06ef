"""A full file system, below a run directory and below the state of environments: one sentence, code 4, and nothing left."""

import json
import shlex
import shutil
import subprocess

import pytest

from tests import mounting, stored
from tests.command import forked

pytestmark = pytest.mark.thorough
"""Of files that may not grow tests.cli.test_exits tests the same."""

SIZE_KB = 2048


@pytest.fixture(scope="module")
def apart():
    """The command in a mount namespace of its own."""
    mounting.needed()
    with forked(within=mounting.NAMESPACE) as found:
        yield found


@pytest.fixture
def on_full_disk(apart, tmp_path):
    """A place, and a function that runs ``closeshave`` while a full file system lies there; its code, what it said, and the names that are new there."""
    place = tmp_path / "full"
    place.mkdir()

    def shell(script):
        subprocess.run([*mounting.ENTER, "--target", str(apart.process), "sh", "-c", script], check=True, timeout=120)

    def names():
        shell(f"find {place} | sort > {tmp_path}/names")
        return set((tmp_path / "names").read_text().splitlines())

    def run(*arguments, holding=None, free_bytes=0, environ=None):
        copied = f"cp -r {shlex.quote(str(holding))}/. {place}/held" if holding else ":"
        shell(f"""
            mount -t tmpfs -o size={SIZE_KB}k none {place} && mkdir {place}/held && {copied} || exit 99
            head -c {free_bytes} /dev/zero > {place}/spare; cat /dev/zero > {place}/filler 2>/dev/null; rm {place}/spare""")
        try:
            before = names()
            done = apart(*arguments, environ={"HOME": str(tmp_path / "home"), **(environ or {})})
            new = names() - before
            shell(f"cp {place}/held/summary.json {tmp_path}/summary.json 2>/dev/null || true")
        finally:
            shell(f"umount {place}")
        return done.code, done.said.decode(), sorted(name.removeprefix(f"{place}/") for name in new)

    yield place, run
    shutil.rmtree(tmp_path / "home", ignore_errors=True)


def one_sentence(said):
    """Nobody is shown a traceback, nor where one is: a disk that is full is nobody's mistake in the program."""
    return "raceback" not in said and len(said.strip().splitlines()) == 1 and "No space left on device" in said


@pytest.fixture(scope="module")
def judged(tmp_path_factory, command):
    """A run that fails, judged once."""
    run = stored.made(tmp_path_factory.mktemp("judged") / "run", "fail")
    assert command("report", run).code == 1
    return run


def test_a_report_on_a_full_disk_ends_with_4_and_leaves_the_old_one(on_full_disk, judged, tmp_path):
    """No part of a file, and no temporary one."""
    place, run = on_full_disk
    code, said, new = run("report", place / "held", holding=judged)
    assert code == 4
    assert one_sentence(said)
    assert new == []
    assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 1


@pytest.mark.parametrize("free_bytes", [4096, 32 << 10, 100 << 10])
def test_a_report_that_fills_the_disk_ends_with_4(on_full_disk, tmp_path, free_bytes):
    """At any point; a verdict of 1 would need a summary that was written."""
    place, run = on_full_disk
    made = stored.made(tmp_path / "run", "fail")
    code, said, new = run("report", place / "held", holding=made, free_bytes=free_bytes)
    assert code == 4
    assert one_sentence(said)
    assert not [name for name in new if "/." in name]


def test_judging_works_on_a_full_disk(on_full_disk, judged):
    """It writes nothing."""
    place, run = on_full_disk
    code, said, new = run("judge", place / "held", holding=judged)
    assert (code, new) == (1, [])
    assert "raceback" not in said


def test_a_run_is_not_started_where_it_could_not_be_written(on_full_disk):
    """No file of it is made."""
    place, run = on_full_disk
    code, said, new = run("run", "smoke", "--runs", place / "runs")
    assert code == 4
    assert "raceback" not in said
    assert "free below" in said or "No space left on device" in said
    assert new in ([], ["runs"])


def test_an_environment_is_not_started_where_its_state_cannot_be_written(on_full_disk):
    """And leaves nothing there."""
    place, run = on_full_disk
    code, said, new = run("env", "up", "embedded", environ={"CLOSESHAVE_STATE_DIR": str(place / "state")})
    assert code == 4
    assert "raceback" not in said
    assert "No space left on device" in said
    assert new in ([], ["state"])
