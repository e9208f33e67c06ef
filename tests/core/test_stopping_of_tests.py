"""A signal that ends pytest ends what its fixtures started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from closeshave.control import processes
from tests.tiers import thorough

ROOT = Path(__file__).parents[2]
INTERRUPTED = 2
"""The exit code of pytest after Ctrl-C."""
INNER = """
import multiprocessing, os, time
from pathlib import Path
import pytest

HERE = Path(__file__).parent

@pytest.fixture(scope="module")
def started():
    (HERE / "up").touch()
    yield
    (HERE / "ending").touch()
    time.sleep(1)
    (HERE / "down").touch()

def test_waits(started):
    forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(120,))
    forked.start()
    forked.terminate()
    forked.join(60)
    (HERE / "forked").write_text(str(forked.exitcode))
    (HERE / "ready").touch()
    for _ in range(1200):
        time.sleep(0.1)  # a signal just before a long one would be handled after it
"""


@pytest.mark.parametrize(
    ("number", "options"),
    [*thorough((signal.SIGINT, ())), (signal.SIGTERM, ()), *thorough((signal.SIGHUP, ()), (signal.SIGTERM, ("-p", "xdist", "-n", "1")))],
    ids=["SIGINT", "SIGTERM", "SIGHUP", "SIGTERM with a worker"],
)
def test_what_fixtures_started_is_ended(tmp_path, number, options):
    """Also when the signal comes twice. A forked child ends by the signal as it does outside pytest."""
    inner = tmp_path / "test_inner.py"
    inner.write_text(INNER, encoding="utf-8")
    plain = ["-p", "tests.stopping", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path]
    with (tmp_path / "said").open("wb") as said:
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *plain, *options, inner],
            cwd=ROOT,
            # Plugins that have no part in it take longer to import than the rest takes.
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=said,
            stderr=subprocess.STDOUT,
            # Who runs this test may ignore the signal: a shell with "&", nohup.
            preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - one call into the kernel
        )
    try:
        assert processes.poll_until((tmp_path / "ready").exists, 120), (tmp_path / "said").read_text()
        running.send_signal(number)
        assert processes.poll_until((tmp_path / "ending").exists, 60), (tmp_path / "said").read_text()
        if number is not signal.SIGINT:
            running.send_signal(number)
        assert running.wait(60) == INTERRUPTED
    finally:
        running.kill()
        running.wait()
    assert (tmp_path / "down").exists()
    assert (tmp_path / "forked").read_text() == str(-signal.SIGTERM)
