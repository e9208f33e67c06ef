"""Another booking API by a file alone: the same journeys, canaries, judges, reading back and doctor as for BookedBarber V2, and no Python."""

from __future__ import annotations

import json
from functools import partial

import httpx
import pyarrow.parquet as pq
import pytest

from closeshave.environments.definition import read_remote
from closeshave.environments.remote import examination
from tests.remote.command import call
from tests.salon.running import PROFILE, environment, plan, salon

ROUTES = (
    "register",
    "login",
    "franchise",
    "public services",
    "barbers",
    "book",
    "read_booking",
    "my bookings",
    "reschedule",
    "payments",
    "cancel",
)
SENT = {
    "franchise", "services", "barbers", "slots", "book", "read_booking", "reschedule", "cancel", "pay_intent", "pay_confirm", "login", "canary_write",
    "canary_read", "canary_cancel",
}  # fmt: skip
GREEN = ("reconciled", "reconciled/effects", "complete", "evidence", "integrity/double_booked", "integrity/lost")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def closeshave(tmp_path):
    """The command, with a state of its own."""
    return partial(call, tmp_path)


def test_an_environment_is_within_its_api(tmp_path):
    """What the API has no request and no place for, is switched off without being written twice."""
    able = read_remote(environment(tmp_path, "http://127.0.0.1:1")).capabilities
    assert (able.franchises, able.forwarded_for, able.keyed_bookings, able.slots_by_barber) == (False, False, True, True)
    assert set(able.steps_off) == {"refresh", "profile", "change_shop"}


def test_the_doctor_walks_every_route_of_the_profile(tmp_path):
    """All of them answer as described, nothing is left, and no capability has to be corrected but the zone."""
    with salon() as url:
        found = examination.examine(read_remote(environment(tmp_path, url)))
    said = {remark.what: (remark.level, remark.saw) for remark in found.findings}
    for route in ROUTES:
        assert said[route][0] == "ok", (route, said[route])
    assert said["slots"][0] == "ok"
    assert said["conflict"][0] == "ok"
    assert said["concurrent bookings"][0] == "ok"
    assert said["time zone"] == ("ok", said["time zone"][1])
    assert "keyed bookings" not in said
    assert "left behind" not in said
    assert said["lists"][0] == "ok"


@pytest.mark.parametrize("named", ["profile", "environment file"])
def test_the_doctor_takes_the_profile_with_an_address(tmp_path, command, named):
    """From the address and the profile alone it writes a file that fits; a profile by its path, or by an environment file that names it."""
    (tmp_path / "api.yaml").write_text(PROFILE.read_text())
    with salon() as url:
        api = "api.yaml" if named == "profile" else environment(tmp_path, url, api="api.yaml", name="other").name
        done = command("doctor", "--url", url, "--api", api, cwd=tmp_path)
        assert done.code == 0, done.said
        path = tmp_path / done.stdout.decode().splitlines()[-1].removeprefix("written: ")
        definition = read_remote(path)
        examined = examination.examine(definition)
    assert (definition.name, definition.stage) == ("salon-development", "development")
    assert (definition.fingerprint.path, definition.fingerprint.expect) == ("/status", {"app": "salon", "stage": "test"})
    assert [remark for remark in examined.findings if remark.what in ROUTES and remark.level != "ok"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--url", "http://127.0.0.1:1", "--api", "no-such-profile"), b"--api: no such file in scenarios/apis/"),
        (("--url", "http://127.0.0.1:1", "--api", "broken.yaml"), b"broken.yaml:1: "),
        (("--api", "bookedbarber-v2"), b"--api: is for --url"),
        (("--url", "http://127.0.0.1:1", "--api", "api.yaml"), b"does not identify itself at /status"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_before_anything_is_asked(tmp_path, command, options, says):
    """And so is a platform that says nothing where the profile says that it does."""
    (tmp_path / "api.yaml").write_text(PROFILE.read_text())
    (tmp_path / "broken.yaml").write_text("name: 1\n")
    done = command("doctor", *options, cwd=tmp_path)
    assert done.code == 2, done.said
    assert says in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.yaml", "broken.yaml"]


@pytest.mark.trial
def test_journeys_canaries_integrity_and_reading_back_are_green(tmp_path, closeshave):
    """A whole trial: no verdict fails, every operation was answered well, every booking of the run is found again and cancelled."""
    with salon() as url:
        environment(tmp_path, url)
        ended = closeshave("run", plan(tmp_path), "--runs", tmp_path / "runs")
        assert "cannot be cancelled" not in ended.said
        assert "incomplete" not in ended.said, ended.said
    verdicts = ended.verdicts()
    assert not [name for name, verdict in verdicts.items() if verdict["status"] == "fail"], ended.said
    assert {verdicts[name]["status"] for name in GREEN} == {"pass"}, ended.said
    assert {verdict["status"] for name, verdict in verdicts.items() if name.startswith("availability")} == {"pass"}, ended.said
    operations = pq.read_table(ended.run / "operations.parquet", columns=["kind", "good", "source"]).to_pylist()
    answered = {one["kind"] for one in operations if one["good"]}
    assert answered >= SENT
    assert sum(not one["good"] for one in operations) <= len(operations) / 1000
    effects = pq.read_table(ended.run / "effects.parquet").to_pylist()
    final = pq.read_table(ended.run / "final_state" / "bookings.parquet").to_pylist()
    created = {one["booking"] for one in effects if one["action"] == "create" and one["booking"] is not None}
    assert created
    assert created == {one["booking"] for one in final}
    assert {one["price_cents"] for one in final} <= {3_000, 1_850, 4_500}
    assert {one["status"] for one in final} <= {"scheduled", "cancelled"}
    captures = pq.read_table(ended.run / "final_state" / "captures.parquet").to_pylist()
    assert {one["amount"] for one in captures} <= {3_000, 1_850, 4_500}
    assert captures
    texts = [json.loads(line)["text"] for line in (ended.run / "ids.jsonl").read_text().splitlines()]
    assert any(text.startswith("r-") for text in texts)
    assert {"st-ada", "st-bo", "st-cy"} <= set(texts)
    assert ended.code in {0, 3}


@pytest.mark.trial
def test_a_lost_booking_is_convicted(tmp_path, closeshave):
    """The salon acknowledges a tenth of the bookings and stores none of them: exit code 1, with the bookings as witnesses."""
    with salon("--lose", "0.1") as url:
        environment(tmp_path, url)
        ended = closeshave("run", plan(tmp_path, aborts={"integrity": False}), "--runs", tmp_path / "runs")
        assert httpx.get(f"{url}/status", trust_env=False, verify=False).json()["ok"]
    assert ended.code == 1, ended.said
    found = ended.verdicts()["integrity/lost"]
    assert found["status"] == "fail"
    assert found["witnesses"]
