"""The environment variables of child processes: parts get what they need to run, others all except the secrets that they do not use."""

import os
import sys

import pytest

from closeshave.control import processes, variables
from closeshave.control.processes import poll_until
from closeshave.deployment import Process
from closeshave.environments.helper import Helper

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "XDG_CACHE_HOME", "CLOSESHAVE_STATE_DIR")
KEPT_OUT = (
    "PGPASSWORD", "PGHOST", "PGOPTIONS", "PATRONI_RESTAPI_PASSWORD", "ETCD_NAME", "HTTP_PROXY", "AWS_SECRET_ACCESS_KEY", "CLOSESHAVE_TOKEN",
    "STAGING_TOKEN", "LOG_LEVEL", "UVICORN_PORT",
)  # fmt: skip


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """A user's environment."""
    for name in (*KEPT, *KEPT_OUT):
        if name not in {"PATH", "HOME", "PYTHONPATH", "LD_LIBRARY_PATH"}:
            monkeypatch.setenv(name, "Planted-1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))


def test_a_part_gets_what_it_needs(planted):
    """And nothing that could change how it works."""
    given = variables.for_parts()
    assert set(KEPT) <= set(given)
    assert set(KEPT_OUT) & set(given) == set()


@pytest.mark.parametrize("how", ["part", "helper"])
def test_a_started_process_has_no_more(planted, tmp_path, how):
    """Read by the process itself."""
    tell = "import os; print('told', *sorted(os.environ), flush=True)"
    if how == "part":
        processes.start(tmp_path, "environment", Process("p", "app", None, (sys.executable, "-c", tell), {"OWN": "1"}))
    else:
        (tmp_path / "logs").mkdir()
        Helper(tmp_path, "environment", "p", [sys.executable, "-c", tell])
    log = tmp_path / "logs" / "p.log"
    assert poll_until(lambda: log.exists() and log.read_text().endswith("\n"), 20)
    told = set(log.read_text().split())
    assert {"told", "PATH", processes.MARK} <= told
    assert ("OWN" in told) is (how == "part")
    assert set(KEPT_OUT) & told == set()


def test_others_get_all_except_secrets(planted):
    """And never the permission to load production."""
    given = variables.without(["STAGING_TOKEN"])
    assert set(os.environ) - set(given) == {"STAGING_TOKEN", variables.TOKEN}
