"""The doctor of a platform: a handful of calls, every wart by name, and the file that fits."""

import os
import subprocess
import sys

import httpx
import pytest
from ruamel.yaml import YAML

from closeshave.environments.definition import read_definition
from closeshave.environments.remote import doctor, examination
from closeshave.environments.remote.asking import Heard
from tests.remote.definitions import document, remote, write
from truth.plain.running import plain

WARTS = {
    "trailing slash": "307",
    "CSRF": "403",
    "dropped connection": "without being announced",
    "conflict": "by 400 and a message, never 409",
    "times": "UTC without saying so",
    "DELETE of a booking": "answers 400",
    "Idempotency-Key": "prefix_uuid4",
    "readiness": "a code of 200 alone proves nothing",
    "franchises": "no X-Region",
    "keyed bookings": "did not give the same booking",
    "payments": "an intent answers 500",
    "limits per address": "were not tried",
    "birth of bookings": "is not told",
    "hooks": "none",
}


def test_every_wart_of_the_plain_platform_is_named(tmp_path, fresh):
    """And what the file should say about it."""
    examined = examination.examine(remote(tmp_path, url=fresh.url))
    found = {finding.what: finding for finding in examined.findings}
    assert {what: words in found[what].saw for what, words in WARTS.items()} == dict.fromkeys(WARTS, True)
    assert examined.proposal == {
        "franchises": False,
        "keyed_bookings": False,
        "ready_by": "body",
        "steps_off": ["pay_confirm", "pay_intent"],
    }
    assert not examined.refused


def test_the_doctor_leaves_nothing_standing(tmp_path, fresh):
    """Its only booking is cancelled, and it asked for little."""
    examination.examine(remote(tmp_path, url=fresh.url))
    client = httpx.Client(base_url=fresh.url, trust_env=False)
    token = client.post("/api/v2/auth/login", json={"email": "admin@plain.test", "password": "Plain-1234"}).json()["access_token"]
    booked = client.get("/api/v2/appointments/all/list", headers={"Authorization": f"Bearer {token}"}).json()["appointments"]
    client.close()
    assert [(each["notes"], each["status"]) for each in booked] == [("closeshave:doctor", "cancelled")]


@pytest.mark.parametrize(
    ("options", "changes"),
    [((), {"stage": "production"}), (("--live-key",), {}), ((), {"fingerprint": {"path": "/health", "expect": {"service": "another"}}})],
)
def test_where_the_guard_objects_and_on_production_nothing_is_booked(tmp_path, options, changes):
    """Only what anybody may read is asked."""
    with plain(*options) as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url, **changes))
    assert "book" not in {finding.what for finding in examined.findings}
    assert examined.findings[-1].what == "customers' routes"
    assert examined.refused is ("stage" not in changes)


def test_the_command_prints_a_table_and_proposes_a_file_that_is_valid(tmp_path, fresh):
    """Beside the file, which stays; a proposal that is there is not overwritten."""
    path = write(tmp_path / "mine.yaml", document(fresh.url))
    before = path.read_text()
    wide = {**os.environ, "COLUMNS": "250"}
    command = [sys.executable, "-m", "closeshave", "doctor", "--environment", str(path), "--write"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=wide)
    assert done.returncode == 0, done.stderr
    assert "capabilities.franchises: false" in " ".join(done.stderr.replace("│", " ").split())
    proposed = tmp_path / "mine.yaml.proposed"
    assert done.stdout.strip() == str(proposed)
    assert path.read_text() == before
    assert YAML(typ="safe").load(proposed)["capabilities"]["ready_by"] == "body"
    assert read_definition(proposed).capabilities.franchises is False
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=wide)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr


def test_a_platform_that_can_do_everything_needs_no_capabilities(tmp_path):
    """Answers as the stand-in gives them propose nothing."""
    good = Heard(200, {"x-region": "us-east-1"}, {"id": 3, "start_time": "2026-12-01T14:00:00Z", "created_at": "2026-12-01T14:00:00Z"})
    heard = dict.fromkeys((*doctor.ROUTES, "same key", "pay_intent"), good) | {"conflict": Heard(409), "ready": Heard(200)}
    definition = remote(tmp_path)
    assert doctor.proposal(definition, heard) == {}
    assert [finding.what for finding in doctor.findings(definition, heard) if finding.level == "missing"] == ["hooks", "monitoring"]


def test_a_platform_that_does_not_answer_is_described(tmp_path):
    """Every route by name, no exception."""
    examined = examination.examine(remote(tmp_path))
    assert {finding.what for finding in examined.findings if "ConnectError" in finding.saw} >= {"ready", "public services"}
