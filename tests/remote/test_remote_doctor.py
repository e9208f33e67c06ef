"""The doctor of a platform: every route, every peculiarity by name, the file that fits; and afterwards no booking of the examination is left."""

import itertools

import httpx
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from closeshave.api.spoken import shipped
from closeshave.deployment import Capabilities
from closeshave.environments.definition import read_definition, read_remote
from closeshave.environments.remote import doctor, examination, meaning
from closeshave.environments.remote.asking import Heard
from closeshave.environments.remote.proposal import propose
from closeshave.environments.remote.visiting import Noticed
from tests.remote.defective import bent, books, told
from tests.remote.definitions import document, remote, write
from tests.tiers import thorough
from truth.plain.routes import Answered
from truth.plain.running import plain

WARTS = {
    "trailing slash": "307",
    "CSRF": "403",
    "dropped connection": "without announcing it",
    "conflict": "with 400 and a message, never with 409",
    "concurrent bookings": "one was accepted (200, 400)",
    "times": "UTC without saying so",
    "DELETE of a booking": "answers 400",
    "Idempotency-Key": "prefix_uuid4",
    "readiness": "the code 200 alone proves nothing",
    "franchises": "no X-Region",
    "keyed bookings": "did not return the same booking",
    "payments": "a payment intent answers 500",
    "limits per address": "were not tested",
    "created_at of bookings": "is not in answers",
    "hooks": "none",
    "time zone": "14:00 UTC",
    "addresses": "its own rate limits",
    "lists": "skip and limit are ignored",
    "slots": "16 free times",
    "/metrics": "answers 404",
    "/health and /health/": "client_ip",
    "availability check": "answers",
    "reschedule": "answers",
    "dashboard overview": "answers 500",
    "guest booking": "answers 422",
    "duration of a log-in": "ms",
    "cleaned up": "cancelled",
}
ON_A_PLAIN_PLATFORM = {
    "franchises": False,
    "keyed_bookings": False,
    "ready_by": "body",
    "steps_off": ("pay_confirm", "pay_intent"),
    "zone": "America/New_York",
}


def found(examined):
    """Findings by what they are about."""
    return {finding.what: finding for finding in examined.findings}


def test_every_peculiarity_of_the_plain_platform_is_named(tmp_path, fresh):
    """And what the file should say about it."""
    examined = examination.examine(remote(tmp_path, url=fresh.url))
    named = found(examined)
    times = named["time zone"].saw
    assert {what: words in named[what].saw or (what == "time zone" and "UTC" in times) for what, words in WARTS.items()} == dict.fromkeys(
        WARTS, True
    )
    assert examined.proposal == ON_A_PLAIN_PLATFORM
    assert not examined.refused


AS_SEEN = {
    "administrator_listed": "true",
    "filtered_slots": "false",
    "page_rows": "3",
    "forwarded_for": "false",
    "ready_in_parts": "true",
    "health_names_stage": "false",
    "zone": "UTC",
    "payments": "provider",
}


@pytest.mark.parametrize(
    ("habits", "proposes"),
    [
        ({}, {}),
        ({"zone": "UTC"}, {"zone": "UTC"}),
        *thorough(
            ({"zone": "Asia/Kolkata"}, {"zone": "Asia/Kolkata"}),
            ({"filtered_slots": "false"}, {"slots_by_barber": False}),
            ({"forwarded_for": "false"}, {"forwarded_for": False}),
            ({"administrator_listed": "true"}, {"idle_barbers": (900,)}),
        ),
        ({"administrator_listed": "true", "filtered_slots": "false"}, {"idle_barbers": (900,), "slots_by_barber": False}),
        *thorough(({"payments": "provider"}, {"steps_off": None})),
        ({"payments": "refused"}, {}),
        *thorough(({"page_rows": "2"}, {})),
        (AS_SEEN, {"steps_off": None, "slots_by_barber": False, "forwarded_for": False, "idle_barbers": (900,), "zone": "UTC"}),
    ],
    ids=lambda habits: ",".join(habits) or "tame",
)
def test_each_peculiarity_is_found_and_no_booking_is_left(tmp_path, habits, proposes):
    """What the file should say, and every booking of the examination cancelled."""
    with plain(*itertools.chain(*(("--habit", f"{name}={value}") for name, value in habits.items()))) as platform:
        definition = remote(tmp_path, url=platform.url, fingerprint={"path": "/health/", "expect": {"environment": "staging"}})
        examined = examination.examine(definition)
        booked = everybodys(platform)
    expected = {name: value for name, value in (ON_A_PLAIN_PLATFORM | proposes).items() if value is not None}
    assert examined.proposal == expected
    assert {(each["notes"], each["status"]) for each in booked} == {("closeshave:doctor", "cancelled")}
    assert len(booked) <= 12


def everybodys(platform):
    """All bookings of the platform, page by page."""
    with httpx.Client(base_url=platform.url, trust_env=False, verify=False) as client:
        token = client.post("/api/v2/auth/login", json={"email": "admin@plain.test", "password": "Plain-1234"}).json()["access_token"]
        rows: list[dict[str, object]] = []
        while True:
            told = client.get(f"/api/v2/appointments/all/list?skip={len(rows)}", headers={"Authorization": f"Bearer {token}"}).json()
            rows += told["appointments"]
            if len(rows) >= told["total"]:
                return rows


FAILED = Answered(500, {"error": "Internal server error"})
DEFECTIVE = {
    "every second booking is answered by 500": lambda count: lambda asked, answer: FAILED if books(asked) and next(count) % 2 else answer,
    "every booking is answered by 500": lambda _count: lambda asked, answer: FAILED if books(asked) else answer,
    "at another time than asked": lambda _count: (
        lambda asked, answer: told(answer, start_time="2031-01-01T00:00:00") if books(asked) else answer
    ),
    "without an ID": lambda _count: (
        lambda asked, answer: Answered(200, {"status": "ok"}) if books(asked) and answer.status == 200 else answer
    ),
    "as a list": lambda _count: lambda asked, answer: Answered(200, [answer.body]) if books(asked) and answer.status == 200 else answer,
    "the list is broken": lambda _count: (
        lambda asked, answer: FAILED if (asked.method, asked.path) == ("GET", "/api/v2/appointments/") else answer
    ),
    "notes are hidden": lambda _count: (
        lambda asked, answer: (
            Answered(200, {"appointments": [{**row, "notes": None} for row in answer.body["appointments"]], "total": answer.body["total"]})
            if (asked.method, asked.path) == ("GET", "/api/v2/appointments/") and answer.status == 200
            else answer
        )
    ),
}


@pytest.mark.parametrize("bend", DEFECTIVE.values(), ids=DEFECTIVE)
def test_every_booking_is_cancelled_whatever_was_answered(tmp_path, bend):
    """Found by the answers if these state an ID, else in the list of the customer's bookings."""
    with bent(bend(itertools.count())) as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url))
        assert platform.shop.bookings
        assert platform.standing() == []
    assert "left behind" not in found(examined)


@pytest.mark.parametrize(
    ("answers", "says"), [(None, "still exists after its cancel"), (FAILED, "answers 400 (Failed to cancel appointment)")]
)
def test_what_cannot_be_cancelled_is_named(tmp_path, answers, says):
    """The list decides, not the answer to the cancel; each booking with the reason."""

    def bend(asked, answer):
        if asked.path.endswith("/cancel") and answer.status == 200:
            platform.shop.bookings[answer.body["id"]].status = "scheduled"
            return answers or answer
        return answer

    with bent(bend) as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url))
        left = [finding.saw for finding in examined.findings if finding.what == "left behind"]
        assert len(left) == len(platform.standing()) > 0
    assert all(says in each for each in left)


def _no_slots(asked, answer):
    return told(answer, slots=[]) if asked.path.endswith("/slots") else answer


def _slots_only_by_barber(asked, answer):
    return told(answer, slots=[]) if asked.path.endswith("/slots") and asked.query("barber_id") is None else answer


def _slots_only_on_a_later_day(asked, answer, days=itertools.count()):  # noqa: B008 -- one count for the whole test
    return told(answer, slots=[]) if asked.path.endswith("/slots") and next(days) < 8 else answer


@pytest.mark.parametrize(
    ("bend", "level", "saw"),
    [
        (
            _no_slots,
            "missing",
            "every list of free times was empty, the merged one and those of each barber; bookings were tried at usual hours",
        ),
        (_slots_only_by_barber, "note", "the merged list is empty"),
        (_slots_only_on_a_later_day, "ok", "16 free times"),
    ],
)
def test_after_an_empty_slot_list_it_still_books(tmp_path, bend, level, saw):
    """And every check that needs a booking is made."""
    with bent(bend) as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url))
        assert platform.standing() == []
    named = found(examined)
    assert named["slots"].level == level
    assert saw in named["slots"].saw
    assert {"book", "cancel", "reschedule", "read_booking", "concurrent bookings"} <= set(named)
    assert named["book"].level == "ok"


def test_a_platform_that_books_a_slot_twice_is_named(tmp_path):
    """One after the other, and at once."""
    with plain() as platform:
        platform.operate("plant/double-booking?share=1")
        named = found(examination.examine(remote(tmp_path, url=platform.url)))
        assert {each["status"] for each in everybodys(platform)} == {"cancelled"}
    assert "booked twice" in named["double booking"].saw
    assert "both accepted" in named["concurrent bookings"].saw


def test_a_platform_that_is_not_ready_is_named(tmp_path, fresh):
    """By the state of the whole, whatever its parts say; an operation that fails then is not switched off without a message."""
    fresh.operate("break/database")
    examined = examination.examine(remote(tmp_path, url=fresh.url))
    assert "its body says not_ready" in found(examined)["ready"].saw
    assert found(examined)["ready"].level == "missing"


@pytest.mark.parametrize("text", ["Rate limit exceeded: 7 per 1 hour", "7 per 1 hour"])
def test_a_limit_is_learnt_from_the_429_that_states_it(text):
    """And the operation is not switched off because of it."""
    heard = {"same key": Heard(429, {}, {"detail": text}), "slots": Heard(429, {}, {"detail": "100 per 2 minute"})}
    assert meaning.limits_met(heard) == {"book": "7 per 1h", "slots": "100 per 2m"}
    assert meaning.steps_off(heard) == frozenset()


@pytest.mark.parametrize(
    ("heard", "off"),
    [
        ({"book": Heard(400, {}, {"error": {"message": "Barber is not available at 10:00"}})}, set()),
        ({"reschedule": Heard(400, {}, {"error": {"message": "This barber already has an appointment"}})}, set()),
        ({"book": Heard(500, {}, {"error": "Internal server error"})}, {"book"}),
        ({"book": Heard(201)}, set()),
        ({"profile": Heard(404)}, {"profile"}),
        ({"services": Heard(404), "public services": Heard(200)}, set()),
        ({"public services": Heard(404)}, {"services"}),
        ({"pay_intent": Heard(200), "pay_confirm": Heard(500)}, {"pay_intent", "pay_confirm"}),
        ({"franchise": Heard(0, trouble="ReadTimeout")}, {"franchise"}),
    ],
)
def test_which_operations_are_switched_off(heard, off):
    """Those that do not work; a busy barber is no reason."""
    assert meaning.steps_off(heard) == off


@pytest.mark.parametrize(
    ("options", "changes"),
    [((), {"stage": "production"}), (("--live-key",), {}), ((), {"fingerprint": {"path": "/health", "expect": {"service": "another"}}})],
)
def test_where_the_guard_objects_and_on_production_nothing_is_booked(tmp_path, options, changes):
    """Only public data is requested."""
    with plain(*options) as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url, **changes))
        assert everybodys(platform) == []
    assert "book" not in {finding.what for finding in examined.findings}
    assert examined.findings[-1].what == "customers' routes"
    assert examined.refused is ("stage" not in changes)


def test_a_fingerprint_that_only_the_other_route_has_is_proposed(tmp_path):
    """As on the real application, whose stage is stated only by the route with the slash."""
    with plain("--habit", "health_names_stage=false") as platform:
        examined = examination.examine(remote(tmp_path, url=platform.url))
    assert examined.proposed.sections["fingerprint"]["path"] == "/health/"
    assert examined.proposed.sections["fingerprint"]["expect"] == {"service": "plain-barbers", "environment": "staging"}


def test_the_command_prints_a_table_and_proposes_a_file_that_is_valid(tmp_path, fresh, command):
    """Next to the file, which is not changed; an existing proposal is not overwritten."""
    path = write(tmp_path / "mine.yaml", document(fresh.url))
    before = path.read_text()
    done = command("doctor", "--environment", path, "--write")
    assert done.code == 0, done.said
    assert "capabilities.franchises: false" in " ".join(done.stdout.decode().replace("│", " ").split())
    proposed = tmp_path / "mine.yaml.proposed"
    assert done.stdout.decode().splitlines()[-1] == f"written: {proposed}"
    assert path.read_text() == before
    assert YAML(typ="safe").load(proposed)["capabilities"]["ready_by"] == "body"
    assert read_definition(proposed).capabilities.franchises is False
    again = command("doctor", "--environment", path, "--write")
    assert again.code == 2
    assert b"nothing is overwritten" in again.stderr


def test_from_an_address_alone_a_complete_first_file_is_written(tmp_path, command):
    """It is valid, and says which values are guesses; a second time it is not overwritten."""
    with plain(*itertools.chain(*(("--habit", f"{name}={value}") for name, value in AS_SEEN.items()))) as platform:
        done = command("doctor", "--url", platform.url, cwd=tmp_path)
        assert done.code == 0, done.said
        path = tmp_path / done.stdout.decode().splitlines()[-1].removeprefix("written: ")
        definition = read_remote(path)
        # Asked by its own file, the platform gives no cause to change it.
        examined = examination.examine(definition)
        assert {each["status"] for each in everybodys(platform)} == {"cancelled"}
        again = command("doctor", "--url", platform.url, cwd=tmp_path)
    assert definition.stage == "staging"
    assert definition.fingerprint.path == "/health/"
    assert definition.capabilities.zone == "UTC"
    assert "A guess" in path.read_text()
    assert "fingerprint" not in examined.proposed.sections
    assert TypeAdapter(Capabilities).validate_python(examined.proposal) == definition.capabilities
    assert (again.code, b"nothing is overwritten" in again.stderr) == (2, True)


@pytest.mark.parametrize("url", ["ftp://x", "http://127.0.0.1:1", "127.0.0.1"])
def test_an_address_that_is_invalid_or_does_not_answer_is_refused(tmp_path, command, url):
    """With the reason, and no file."""
    done = command("doctor", "--url", url, cwd=tmp_path)
    assert done.code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_platform_that_can_do_everything_needs_no_capabilities(tmp_path):
    """Answers as the stand-in gives them propose nothing."""
    good = Heard(200, {"x-region": "us-east-1"}, {"id": 3, "start_time": "2026-12-01T14:00:00Z", "created_at": "2026-12-01T14:00:00Z"})
    heard = dict.fromkeys((*doctor.routes(shipped()), "same key", "pay_intent"), good) | {"conflict": Heard(409), "ready": Heard(200)}
    definition = remote(tmp_path)
    noticed = Noticed(looked=True, day=None, took=(1,))
    assert propose(definition, heard, noticed).capabilities == {}
    missing = [finding.what for finding in doctor.findings(definition, heard) if finding.level == "missing"]
    assert missing == ["hooks", "monitoring"]


def test_a_platform_that_does_not_answer_is_described(tmp_path):
    """Every route by name, no exception."""
    examined = examination.examine(remote(tmp_path))
    assert {finding.what for finding in examined.findings if "ConnectError" in finding.saw} >= {"ready", "public services"}
