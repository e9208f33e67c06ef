"""A finished run directory is copied to a real S3-compatible store (versitygw, over a directory): whole, the summary last.

What is in the way is said before a run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from closeshave.cli import uploading
from closeshave.cli.saying import Voice
from closeshave.clients.objectstore import CHECK, NoStore, ObjectStore, place_of
from closeshave.files.yamlfile import InvalidFile
from closeshave.vocabulary import Exit
from tests.kubernetes import store
from tests.kubernetes.store import SECRET, Gateway, held

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A store; the variables of this process say where it is, and how to log in."""
    with store.serving(tmp_path) as serving:
        for name, value in serving.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        yield serving


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with a file of several parts, and a link that leads out of it."""
    made = tmp_path / "runs" / "20261121-014500-smoke-3f2a"
    (made / "charts").mkdir(parents=True)
    (made / "manifest.json").write_text("{}")
    (made / "summary.json").write_text('{"status": "pass"}')
    (made / "report.html").write_text("<p>")
    (made / "charts" / "a name with spaces é.png").write_bytes(b"\x89PNG")
    (made / "operations.parquet").write_bytes(os.urandom(20 << 20))
    (made / "empty").touch()
    (tmp_path / "private").write_text("nobody's business")
    (made / "link").symlink_to(tmp_path / "private")
    return made


def test_a_run_is_copied_whole_and_its_summary_last(gateway: Gateway, run: Path) -> None:
    """Every plain file with its bytes; a second time replaces it."""
    opened = ObjectStore.open(place_of("s3://reports/nightly/"))
    opened.check()
    for _ in range(2):
        assert opened.copy(run) == f"s3://reports/nightly/{run.name}/"
    expected = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "link"}
    found = held(gateway, f"nightly/{run.name}")
    assert found == expected
    at = gateway.objects / "reports" / "nightly" / run.name
    assert max(found, key=lambda name: (at / name).stat().st_mtime_ns) == "summary.json"
    assert held(gateway, "nightly")[CHECK]


@pytest.mark.parametrize(
    ("address", "changed", "says"),
    [
        ("s3://reports/x", {"AWS_SECRET_ACCESS_KEY": "another"}, "SignatureDoesNotMatch"),
        ("s3://reports/x", {"AWS_ACCESS_KEY_ID": "nobody"}, "No user exists with the provided access key ID"),
        ("s3://nowhere/x", {}, "NoSuchBucket"),
        ("s3://reports/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "Could not connect to the endpoint URL"),
        ("s3://reports/x", {"AWS_ENDPOINT_URL": "no address"}, "Invalid endpoint"),
        ("s3:/reports", {}, "is not s3://BUCKET/PREFIX"),
        ("https://reports/x", {}, "is not s3://BUCKET/PREFIX"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_said_before_a_run(
    address: str, changed: dict[str, str], says: str, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One problem of the option, without any secret."""
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidFile) as caught:
        uploading.store(address)
    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
    assert not held(gateway, "x")


def test_a_store_that_is_gone_after_the_run_costs_the_exit_code_and_not_the_run(
    gateway: Gateway, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict's own code is not said then, but for one that comes first; the directory stays, and what copies it is said."""
    opened = uploading.store("s3://reports/nightly")
    assert uploading.copied(opened, run, Voice(json=False, quiet=False), Exit.FAIL) == Exit.FAIL
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait()
    with pytest.raises(NoStore):
        ObjectStore.open(place_of("s3://reports/nightly")).copy(run)
    voice = Voice(json=False, quiet=False)
    assert [uploading.copied(opened, run, voice, code) for code in (Exit.PASS, Exit.SAFETY)] == [Exit.BROKEN, Exit.SAFETY]
    # Lines are broken where the terminal ends.
    assert f"closeshaveupload{run}s3://reports/nightly/triesagain" in "".join(capsys.readouterr().err.split())
    assert run.is_dir()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("upload", "RUN", "s3://reports/ci"), 0), (("upload", "RUN", "s3://nowhere/ci"), 2), (("upload", ".", "s3://reports/ci"), 2),
     (("run", "smoke", "--upload", "s3://nowhere/ci"), 2)],
)  # fmt: skip
def test_the_command(arguments: tuple[str, ...], code: int, gateway: Gateway, run: Path, tmp_path: Path) -> None:
    """Refused with exit code 2 before anything starts."""
    done = subprocess.run(
        [sys.executable, "-m", "closeshave", *(str(run) if each == "RUN" else each for each in arguments)],
        capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert bool(held(gateway, f"ci/{run.name}")) == (code == 0)
    assert not (tmp_path / "reports").exists()
