"""Exit code 1 means that the platform failed, and nothing else does: whatever else goes wrong is one sentence and another code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import stored
from tests.tiers import thorough

COMMAND = [sys.executable, "-m", "closeshave"]
ENVIRON = {"PATH": "/usr/bin:/bin", "COLUMNS": "400"}


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory):
    """An error without a run keeps its traceback in the temporary directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENVIRON, "TMPDIR", str(tmp_path_factory.mktemp("elsewhere")))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run that passes and one that fails, judged once."""
    place = tmp_path_factory.mktemp("runs")
    return {status: stored.made(place / status, status) for status in ("pass", "fail")}


@pytest.fixture
def run(runs, tmp_path):
    """A copy of the failing run that a test may damage."""
    copy = tmp_path / "run"
    subprocess.run(["cp", "-r", runs["fail"], copy], check=True)
    return copy


def closeshave(*arguments, environ=None, **options):
    """The command as a shell would call it, with an interpreter of its own; its code and what it said on both streams."""
    done = subprocess.run(
        [*COMMAND, *map(os.fspath, arguments)],
        check=False, timeout=120, stdin=subprocess.DEVNULL, env={**ENVIRON, **(environ or {})},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )  # fmt: skip
    return done.returncode, (done.stdout or b"") + (done.stderr or b"")


def one_sentence(said):
    """Nobody is shown a traceback."""
    return b"Traceback" not in said and 0 < len(said.strip().splitlines()) <= 2


@pytest.mark.parametrize(("status", "code"), [("pass", 0), ("fail", 1)])
def test_only_the_judges_say_1(runs, status, code, command):
    """The code of a run that can be judged is its verdict, and the report's is written down in its summary."""
    assert command("judge", runs[status]).code == code
    assert command("report", runs[status]).code == code
    assert json.loads((runs[status] / "summary.json").read_text())["exit_code"] == code


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("manifest.json", b"", b"its manifest.json is damaged"),
        ("manifest.json", b"[]", b"its manifest.json is damaged"),
        ("manifest.json", b"\xff\xfe\x00", b"its manifest.json is damaged"),
        ("manifest.json", None, b"is not a run directory"),
        ("ending", b"\xff\xfe\x81", b"'ending' is damaged"),
        ("ending", b"perhaps", b"'ending' is damaged"),
        ("nemesis.json", b"{", b"nemesis.json is damaged"),
        ("nemesis.json", b'[{"id": "nemesis-1"}]', b"nemesis.json is damaged"),
        ("plan.yaml", b"\xff\xfe\x81", b"plan.yaml"),
        ("plan.yaml", b"", b"plan.yaml"),
        ("plan.yaml", None, b"plan.yaml"),
        ("target.yaml", b"[", b"target.yaml"),
    ],
    ids=str,
)
@pytest.mark.parametrize("asked", ["judge", "explain", "report"])
def test_a_damaged_run_is_a_message_and_no_verdict(run, asked, name, content, message, command):
    """4 for what the harness wrote itself, 2 for what a user wrote, and for what is no run; the damaged thing is named."""
    if content is None:
        (run / name).unlink()
    else:
        (run / name).write_bytes(content)
    done = command(asked, run)
    assert done.code == (2 if name.endswith(".yaml") or message == b"is not a run directory" else 4)
    assert message in done.said
    assert one_sentence(done.said)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["heal"], "deployment.json"),
        (["env", "status", "--root"], "environment.json"),
        (["env", "down", "--root"], "environment.json"),
        (["stop"], "heartbeat"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b'{"accounts": "planted"}'], ids=lambda content: repr(content[:9])
)
def test_damaged_state_is_a_message(tmp_path, arguments, name, content, command):
    """Of what is running, or ran; what stands there is never told."""
    (tmp_path / name).write_bytes(content)
    done = command(*arguments, tmp_path)
    assert done.code == (2 if name == "heartbeat" else 4)
    assert name.encode() in done.said or b"is not running" in done.said
    assert one_sentence(done.said)
    assert b"planted" not in done.said
    assert b"traceback" not in done.said


@pytest.mark.parametrize(
    ("encoding", "asked", "usual"), [("ascii", "judge", 1), *thorough(("latin-1", "explain", 0))]
)  # each encoding once and each command once: what is written goes the same way in all of them
def test_an_encoding_without_such_letters_shows_others(runs, encoding, asked, usual):
    """What cannot be written in it is replaced; the code is the same. The interpreter is told of it when it starts."""
    code, said = closeshave(asked, runs["fail"], environ={"PYTHONIOENCODING": encoding})
    assert code == usual
    assert b"recovery" in said
    assert b"Traceback" not in said


@pytest.mark.thorough
@pytest.mark.parametrize(("asked", "usual"), [("judge", 1), ("explain", 0)])
def test_a_locale_without_such_letters_shows_others(runs, asked, usual, command_in_ascii):
    """The same where the machine has no locale."""
    done = command_in_ascii(asked, runs["fail"])
    assert done.code == usual
    assert b"recovery" in done.said
    assert b"Traceback" not in done.said
    assert done.said.isascii()


@pytest.mark.parametrize(("asked", "usual"), [("judge", 1), ("explain", 0), *thorough(("report", 1))])
def test_a_reader_that_leaves_changes_no_code(runs, asked, usual, command):
    """As ``closeshave judge RUN 2>&1 | head -3`` with pipefail."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert command(asked, runs["fail"], stdout=writing, stderr=writing).code == usual
    finally:
        os.close(writing)


@pytest.mark.parametrize(("asked", "code"), [("judge", 1), ("explain", 4), *thorough(("report", 1))])
def test_a_full_disk_behind_the_output_is_no_verdict(runs, asked, code, command):
    """A story that nobody could be told is an error; a verdict that stands in a file, or is the code itself, is none."""
    with Path("/dev/full").open("wb") as full:
        done = command(asked, runs["fail"], stdout=full.fileno())
    assert done.code == code
    assert b"Traceback" not in done.said


@pytest.mark.parametrize("closed", [*thorough(((1,),), ((2,),)), (0, 1, 2)], ids=str)
def test_closed_descriptors_are_no_error(runs, closed):
    """As under a daemon that opens none of the three."""
    shell = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    done = subprocess.run(["sh", "-c", f'exec "$@" {shell}', "sh", *COMMAND, "judge", runs["fail"]], check=False, env=ENVIRON, timeout=120)
    assert done.returncode == 1


def test_a_full_disk_below_the_report_is_4(run, command):
    """No summary, no verdict: here every file may have a few bytes only."""
    (run / "summary.json").unlink(missing_ok=True)
    reading, writing = os.pipe()
    code = command("report", run, file_bytes=64, stdout=writing, stderr=writing).code
    os.close(writing)
    said = os.read(reading, 65536)
    os.close(reading)
    assert code == 4
    assert one_sentence(said)
    assert not (run / "summary.json").exists()
    assert [path for path in run.iterdir() if path.name.startswith(".")] == [], "a half-written file stays"


def test_an_unexpected_error_is_4_with_its_traceback_in_the_logs(run, command):
    """A bug of the harness is one sentence; the traceback is in the run."""
    bug = "import closeshave.conclusion as c\ndef broken(*_): raise KeyError('[/b] a bug')\nc.judge.assess = broken\n"
    done = command("judge", run, planted=bug)
    assert done.code == 4
    assert one_sentence(done.said)
    assert b"[/b] a bug" in done.said
    assert "Traceback" in (run / "logs" / "harness-error.log").read_text()
    assert str(run / "logs" / "harness-error.log").encode() in done.said


@pytest.mark.parametrize("asked", ["judge", "explain"])
def test_a_judge_that_fails_is_said_with_its_traceback_in_the_logs(run, command, asked):
    """The run is inconclusive there, the other judges still judge, and the terminal shows where the traceback is."""
    bug = "from closeshave.judge.verdicts import clocks\ndef broken(*_): raise KeyError('a bug')\nclocks.judge = broken\n"
    log = run / "logs" / "harness-error.log"
    done = command(asked, run, planted=bug)
    assert done.code == (0 if asked == "explain" else 1)
    assert b"Traceback" not in done.said
    assert f"judges failed; their tracebacks are in {log}".encode() in done.said
    assert "in broken" in log.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["judge", "/nowhere/[/b]"], ["judge"], ["validate", "no-\udcff-such"], ["validate"], ["run", "smoke", "--seed", "x"], ["nonsense"],
        ["stop", "/nowhere"], ["heal", "/etc/passwd"],
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_are_2(arguments, command):
    """Whatever they look like: no traceback, no verdict."""
    done = command(*arguments)
    assert done.code == 2
    assert b"Traceback" not in done.said


@pytest.mark.parametrize("name", ["[red]x", "old [/b]", "[link=x]y[/link]", ":smile:", "no\udcffutf8"], ids=repr)
def test_a_path_is_shown_as_it_is(tmp_path, name, command):
    """Whatever looks like markup in it is a part of its name."""
    place = tmp_path / name
    place.mkdir(parents=True)
    (place / "smoke.yaml").write_text(Path("scenarios/smoke.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    done = command("validate", place / "smoke.yaml")
    assert (done.code, b"Traceback" in done.said) == (0, False)
    assert f"{name}/smoke.yaml".encode(errors="replace") in done.said


COMMANDS = {("list",): 0, ("validate", "smoke"): 0, ("report", "/nowhere"): 2, ("env", "status", "nowhere"): 2}
"""What anybody may ask anywhere, and the code of the answer."""


@pytest.mark.parametrize(("arguments", "code"), COMMANDS.items(), ids=lambda each: " ".join(each) if isinstance(each, tuple) else str(each))
@pytest.mark.parametrize("shown", ["in ASCII", "closed pipe", "full disk", "closed stdout", "closed stderr", "nothing open"])
def test_no_terminal_makes_a_traceback(arguments, code, shown, command_in_ascii):
    """Of any command: whoever cannot show its answer still ends with its code, and a product that is lost is an error."""
    options: dict[str, Any] = {"closed": {"closed stdout": (1,), "closed stderr": (2,), "nothing open": (0, 1, 2)}.get(shown, ())}
    if shown == "closed pipe":
        reading, writing = os.pipe()
        os.close(reading)
        options |= {"stdout": writing, "stderr": writing}
    elif shown == "full disk":
        writing = os.open("/dev/full", os.O_WRONLY)
        options |= {"stdout": writing}
    done = command_in_ascii(*arguments, **options)
    if "stdout" in options:
        os.close(writing)
    assert b"raceback" not in done.said
    assert done.code in ({code, 4} if shown == "full disk" and not code else {code}), done.said


def test_a_name_that_ascii_does_not_have_is_shown_with_other_letters(tmp_path, command_in_ascii):
    """The message is shown, and the exit code is the usual one."""
    done = command_in_ascii("judge", tmp_path / "ü")
    assert done.code == 2
    assert done.said.isascii()
    assert b"does not exist" in b" ".join(done.said.split())
