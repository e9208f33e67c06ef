"""Runs, arguments, locales, pipes and disks that are damaged at random: exit code 1 comes from the judges only, and no traceback is shown."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stored
from tests.tiers import thorough

WANTED = os.environ.get("CLOSESHAVE_FUZZED_RUNS")
CASES = int(WANTED or "6")
PLAIN = CASES if WANTED else 1
"""So many of them belong to the plain tests."""
FIRST = int(os.environ.get("CLOSESHAVE_FUZZED_FROM", "1"))
ALLOWED = {0, 2, 3, 4, 5, 130}
LOCALES = [
    {}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "tr_TR.UTF-8"},
    {"PYTHONIOENCODING": "utf-16"}, {"COLUMNS": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1", "COLUMNS": "20"}, {"LANG": "nonsense"},
]  # fmt: skip
ODD = [
    b"",
    b"[]",
    b"{}",
    b"null",
    b"\xff\xfe\x81",
    b"\x00" * 100,
    b"[" * 5000,
    b'{"id": 1}',
    b"perhaps",
    b"nan",
    b"1e999",
    b"\xef\xbb\xbf{}",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that fails: every code but 1 is then the damage's doing."""
    return stored.made(tmp_path_factory.mktemp("whole") / "run", "fail")


def changed(data, rng):
    """The content with up to twenty bytes other than they were."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 20) if data else 0):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def damaged(run, rng):
    """Up to three files of the run emptied, cut, changed, replaced, removed, or made a directory; says what was done."""
    told = []
    for _ in range(rng.randint(0, 3)):
        path = rng.choice(sorted(path for path in run.rglob("*") if path.is_file()))
        data = path.read_bytes()
        contents = {
            "odd": rng.choice(ODD), "cut": data[: rng.randrange(len(data) + 1)], "change": changed(data, rng),
            "line": data + rng.choice(ODD) + b"\n",
        }  # fmt: skip
        how = rng.choice([*contents, "remove", "directory", "nowhere", "ending"])
        told.append(f"{how} {path.name}")
        if how in contents:
            path.write_bytes(contents[how])
        elif how == "ending":
            (run / "ending").write_bytes(rng.choice([*ODD, b"safety", b"interrupted", b"environment"]))
        else:
            path.unlink()
            if how == "directory":
                path.mkdir()
            elif how == "nowhere":
                path.symlink_to(run / "nowhere")
    return told


def small_disk():
    """Every file of this process may have a few bytes only."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


@pytest.mark.parametrize("seed", [*range(FIRST, FIRST + PLAIN), *thorough(*range(FIRST + PLAIN, FIRST + CASES))])
def test_with_any_damage_code_1_comes_from_the_judges_only(whole, tmp_path, seed):
    """And then the verdict is in a summary, if one is written at all."""
    rng = random.Random(seed)
    run = Path(shutil.copytree(whole, tmp_path / rng.choice(["run", "[red]x", "a b", "ü", "no\udcffutf8"])))
    told = damaged(run, rng)
    command = rng.choice(["judge", "judge", "report", "explain"])
    more = [rng.choice(["", "integrity/lost", "[/b]", "\udcff"])] if command == "explain" and rng.random() < 0.5 else []
    output = rng.choice(["pipe", "pipe", "closed pipe", "full", "no descriptor"])
    before = small_disk if rng.random() < 0.15 else None
    process = [sys.executable, "-m", "closeshave", command, str(run), *more]
    streams: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    opened = []
    if output == "closed pipe":
        reading, writing = os.pipe()
        os.close(reading)
        opened.append(writing)
        streams = {"stdout": writing, "stderr": writing}
    elif output == "full":
        opened.append(os.open("/dev/full", os.O_WRONLY))
        streams = {"stdout": opened[0], "stderr": subprocess.PIPE}
    elif output == "no descriptor":
        process = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *process]
    # Byte code that a small disk cuts off would lie beside the sources.
    environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", **rng.choice(LOCALES)}
    done = subprocess.run(process, check=False, timeout=120, env=environ, preexec_fn=before, **streams)  # type: ignore[call-overload]  # streams
    for descriptor in opened:
        os.close(descriptor)
    said = (done.stdout or b"") + (done.stderr or b"")
    case = (
        f"{told} {command} {more} {output} {environ} small={before is not None}: {done.returncode} {said[-600:].decode(errors='replace')}"
    )
    assert b"Traceback" not in said.replace(b"\0", b""), case
    assert done.returncode in ALLOWED | {1}, case
    if done.returncode == 1:
        assert command != "explain", case
        assert command == "judge" or b'"exit_code": 1' in (run / "summary.json").read_bytes(), case
