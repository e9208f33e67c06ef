"""Reading back does not multiply bookings, keeps what can be read, and names what cannot."""

import json
from dataclasses import asdict, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closeshave import private
from closeshave.deployment import Account
from closeshave.environments.remote import read_back, reader, record
from closeshave.environments.remote.rows import Odd, row
from closeshave.history import BOOKINGS_FILE, EFFECTS, EFFECTS_FILE, Effect
from closeshave.history.ids import number
from closeshave.topology import Shard, Topology
from closeshave.traffic.load import ACCOUNTS_FILE
from tests.remote.definitions import remote
from tests.remote.shards import serving
from tests.remote.test_read_back import deployed

TWO = [{"id": 1, "first": 1, "last": 50, "home": "us-east-1"}, {"id": 2, "first": 51, "last": 100, "home": "us-east-1"}]
RUN = "20261121-070000-smoke-abcd"
EMAILS = ("a@x.test", "b@x.test", "c@x.test")


@pytest.fixture
def run(tmp_path):
    """A run directory."""
    directory = tmp_path / RUN
    (directory / "final_state").mkdir(parents=True)
    return directory


@pytest.fixture(autouse=True)
def nobody_logged_in(tmp_path):
    """Each test logs in by itself."""
    yield
    reader.forget(str(tmp_path))


def booking(name, client=1001, **more):
    """As the API answers it."""
    at = name if isinstance(name, int) else 9
    return {"id": name, "client_id": client, "barber_id": 7, "start_time": f"2026-12-01T{at % 24:02}:00:00", "duration_minutes": 30,
            "price": 30.0, "status": "scheduled", "notes": f"closeshave:{RUN}", "created_at": None} | more  # fmt: skip


def told(*rows):
    """A list that is whole."""
    return 200, {"appointments": list(rows), "total": len(rows)}


def read(tmp_path, run, listing, *, shards=TWO, effects=(), accounts=EMAILS[:1], **settings):
    """The stored rows, what is missing, and the platform."""
    with serving(listing) as platform:
        able = {"franchises": len(shards) > 0} | settings.pop("capabilities", {})
        definition = remote(tmp_path, url=platform.url, shards=list(shards), capabilities=able, **settings)
        people = tuple(Account(email, "x", "us-east-1") for email in accounts)
        deployment = replace(deployed(definition, tmp_path), accounts=people)
        pq.write_table(pa.Table.from_pylist([asdict(one) for one in effects], schema=EFFECTS), run / EFFECTS_FILE)
        count, lacking = read_back.export(definition, deployment, run)
    rows = pq.read_table(run / BOOKINGS_FILE).to_pylist()
    assert len(rows) == count
    return rows, dict(lacking), platform


def places(rows):
    """Franchise, booking and shard of each."""
    return sorted((one["franchise"], one["booking"], one["found_on"]) for one in rows)


def created(operation, franchise, booking_id=None, client="1001"):
    """What the run remembers of a booking: its ID as answered, or its slot alone."""
    at = row(booking(operation))["starts_at"]
    return Effect(operation, "create", franchise, 1, booking=booking_id, barber=7, starts_at=at, client=client)


def test_a_platform_that_ignores_the_filters_of_a_list_yields_each_booking_once(tmp_path, run):
    """On the franchise where the run booked it: by its ID, or by its slot if no answer stated one."""
    effects = [created(1, 17, 1), created(2, 63, 2), created(3, 88)]
    rows, lacking, _platform = read(tmp_path, run, lambda _who, _at: told(booking(1), booking(2), booking(3)), effects=effects)
    assert places(rows) == [(17, 1, 1), (63, 2, 2), (88, 3, 2)]
    assert lacking == {}


def test_the_franchise_that_a_booking_states_is_used(tmp_path, run):
    """Whatever was requested, and whatever the run recorded."""
    rows, _lacking, _platform = read(tmp_path, run, lambda _who, _at: told(booking(1, franchise_id=99)), effects=[created(1, 17, 1)])
    assert places(rows) == [(99, 1, 2)]


def test_a_booking_whose_id_is_text_is_cancelled_by_that_text(tmp_path, run):
    """The platform does not know the number that it has in the history."""
    with serving(lambda _who, _at: told(booking("b-1") | {"start_time": "2026-12-01T09:00:00"})) as platform:
        definition = remote(tmp_path, url=platform.url, capabilities={"franchises": False})
        deployment = replace(deployed(definition, tmp_path), accounts=(Account(EMAILS[0], "x", "us-east-1"),))
        with read_back.from_api(definition, deployment, run, f"closeshave:{RUN}") as read_:
            (one,) = read_.found
            one.cancel()
    assert platform.cancelled == [(EMAILS[0], "b-1", None)]


def test_one_id_on_two_shards_is_two_bookings(tmp_path, run):
    """The sequences of shards are independent."""
    lists = {1: told(booking(1)), 51: told(booking(1, start_time="2026-12-02T09:00:00"))}
    rows, _lacking, _platform = read(tmp_path, run, lambda _who, at: lists[at], effects=[created(1, 17, 1), created(1, 63, 1)])
    assert places(rows) == [(17, 1, 1), (63, 1, 2)]


def test_an_unknown_booking_is_one_phantom_not_one_for_each_shard(tmp_path, run):
    """Also if it is listed for every shard."""
    rows, _lacking, _platform = read(tmp_path, run, lambda _who, _at: told(booking(9)))
    assert places(rows) == [(1, 9, 1)]


def test_the_other_shards_are_read_if_one_is_dead(tmp_path, run):
    """And the dead one is named, after two failed requests and not one for each customer."""
    asked = []

    def listing(who, at):
        asked.append(at)
        return told(booking(int(EMAILS.index(who)) + 1)) if at == 1 else (500, {"error": {"type": "database"}})

    rows, lacking, _platform = read(tmp_path, run, listing, accounts=EMAILS)
    assert places(rows) == [(1, 1, 1), (1, 2, 1), (1, 3, 1)]
    assert list(lacking) == ["final state of shard 2"]
    assert "answers 500" in lacking["final state of shard 2"]
    assert asked.count(51) == 2


def test_a_customer_whose_list_is_incomplete_is_named(tmp_path, run):
    """By the ID that its bookings carry; the others' lists count."""
    lists = {EMAILS[0]: told(booking(1)), EMAILS[1]: (200, {"appointments": [booking(2)], "total": 3})}
    rows, lacking, _platform = read(tmp_path, run, lambda who, _at: lists[who], shards=[], accounts=EMAILS[:2])
    assert [one["booking"] for one in rows] == [1, 2]
    assert list(lacking) == ["final state of client 1002"]
    assert "1 row of 3" in lacking["final state of client 1002"]


def test_where_nothing_can_be_read_nothing_is_written(tmp_path, run):
    """No empty final state."""
    with pytest.raises(read_back.Unreadable, match="answers 500"):
        read(tmp_path, run, lambda _who, _at: (500, {}))
    assert not (run / BOOKINGS_FILE).exists()


ODD = [
    {"id": [17]},
    {"id": None},
    {"id": True},
    {"id": 1.5},
    {"start_time": "tomorrow"},
    {"start_time": None},
    {"start_time": 17},
]


@pytest.mark.parametrize("change", ODD, ids=repr)
def test_an_unreadable_row_is_stored_separately_and_named_and_the_others_count(tmp_path, run, change):
    """A single booking is unknown, not lost."""
    rows, lacking, _platform = read(tmp_path, run, lambda _who, _at: told(booking(1), booking(2) | change, booking(3)), shards=[])
    assert [one["booking"] for one in rows] == [1, 3]
    assert "left out" in lacking["final state of client 1001"]


@pytest.mark.parametrize("odd", [None, 3, "text", ["x"]])
def test_a_row_that_is_no_object_is_named(tmp_path, run, odd):
    """It may be a booking of the run."""
    rows, lacking, _platform = read(tmp_path, run, lambda _who, _at: told(booking(1), odd), shards=[])
    assert [one["booking"] for one in rows] == [1]
    assert "not a booking" in lacking["final state of client 1001"]


@pytest.mark.parametrize(
    ("change", "name", "kept"),
    [
        ({"id": "17"}, "booking", 17),
        ({"id": "b-17"}, "booking", number("b-17")),
        ({"id": 10**30}, "booking", number(10**30)),
        ({"barber_id": None}, "barber", None),
        ({"barber_id": "7"}, "barber", 7),
        ({"barber_id": "Ann"}, "barber", number("Ann")),
        ({"barber_id": [7]}, "barber", None),
        ({"client_id": "u-1"}, "client", "u-1"),
        ({"price": None}, "price_cents", None),
        ({"price": "30.50"}, "price_cents", 3050),
        ({"price": "free"}, "price_cents", None),
        ({"price": float("nan")}, "price_cents", None),
        ({"price": {"amount": 3}}, "price_cents", None),
        ({"duration_minutes": "45"}, "minutes", 45),
        ({"duration_minutes": []}, "minutes", None),
        ({"version": 10**30}, "version", None),
        ({"status": 3}, "status", "3"),
        ({"created_at": "yesterday"}, "created_at", None),
        ({"start_time": "2026-12-01T10:00:00+01:00"}, "starts_at", 1796115600),
        ({"start_time": "2026-12-01T09:00:00Z"}, "starts_at", 1796115600),
    ],
)
def test_members_of_other_types_are_read_or_unknown(change, name, kept):
    """Never an exception."""
    assert row(booking(1) | change)[name] == kept


def test_the_problem_of_a_row_is_stated():
    """In few words: what a platform answers may be long."""
    with pytest.raises(Odd, match="neither a number") as raised:
        row(booking(1) | {"id": ["x" * 10_000]})
    assert len(str(raised.value)) < 120


def test_the_tokens_of_the_run_are_used_again(tmp_path, run, monkeypatch):
    """Log-ins are slow and limited; a token that has expired is renewed."""
    assert reader.LOGGED_IN == ACCOUNTS_FILE
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (private.make(run) / ACCOUNTS_FILE).write_text(
        json.dumps(
            [
                {"email": EMAILS[0], "token": f"t:{EMAILS[0]}", "refresh_token": "r", "csrf": "c", "client": "1001"},
                {"email": EMAILS[1], "token": "expired", "refresh_token": "r", "csrf": "c", "client": "1002"},
            ]
        )
    )
    rows, lacking, platform = read(tmp_path, run, lambda who, _at: told(booking(EMAILS.index(who) + 1)), shards=[], accounts=EMAILS[:2])
    assert [one["booking"] for one in rows] == [1, 2]
    assert (lacking, platform.log_ins) == ({}, [EMAILS[1]])


@pytest.mark.parametrize(
    ("effects", "asked", "franchise"),
    [
        ([created(1, 17, 1)], None, 17),
        ([created(1, 17, 1)], 51, 17),
        ([created(1, 17, 1), created(2, 63, 1)], None, 17),
        ([created(2, 17, 1), created(2, 63, 1)], 51, 63),
        ([created(2, 17, 1), created(1, 63)], 51, 63),
        ([created(1, 17)], 51, 17),
        ([], 51, 51),
        ([], None, 1),
    ],
)
def test_the_franchise_of_a_booking_is_found_from_the_runs_records(effects, asked, franchise):
    """By ID and slot together, by ID on the requested shard, by slot, by ID, by the request."""
    topology = Topology(("r",), (Shard(1, 1, 50, "r", "r"), Shard(2, 51, 100, "r", "r")))
    assert record.of(map(asdict, effects)).franchise_of(row(booking(1)), asked, topology) == franchise
