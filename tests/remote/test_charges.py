"""What customers were charged, from the platform's own list of payments: of this run, complete, or not at all and with the reason."""

import json
from dataclasses import replace

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closeshave.api.known import shipped
from closeshave.deployment import Account
from closeshave.environments.remote import charges
from closeshave.environments.remote.charges import Unlisted
from closeshave.environments.remote.record import of
from closeshave.history import CAPTURES_FILE, EFFECTS, EFFECTS_FILE, save_rows
from tests.remote.definitions import remote
from tests.remote.test_read_back import deployed
from tests.truth.test_plain_habits import Customer
from truth.plain.running import plain

OURS = of({"action": "create", "franchise": 1, "booking": number, "barber": 2, "client": "7", "starts_at": 9} for number in (1, 2))
ROW = {"id": 5, "booking_id": 1, "amount": 30.0, "status": "completed", "created_at": "2026-11-29T01:00:00"}


@pytest.fixture
def run(tmp_path):
    """A run directory."""
    directory = tmp_path / "20261121-070000-smoke-abcd"
    (directory / "final_state").mkdir(parents=True)
    return directory


def paid(run, platform, count):
    """Bookings of customer 1, paid; those that the run's effects know of are its own."""
    who = Customer(platform)
    made = [who.book(at, days).json()["id"] for days in range(1, 21) for at in ("09:00", "11:00", "13:00")][:count]
    for booking in made:
        assert who.pay(booking).status_code == 200
    effects = [{"operation": booking, "action": "create", "franchise": 1, "booking": booking} for booking in made[1:]]
    save_rows(run / EFFECTS_FILE, pa.Table.from_pylist(effects, schema=EFFECTS))
    return made[1:]


def export(tmp_path, run, platform, **changes):
    """As after a run with two accounts."""
    definition = remote(tmp_path, url=platform.url, **{"capabilities": {"franchises": False}} | changes)
    accounts = tuple(Account(f"customer{number}@plain.test", "Plain-1234", "us-east-1") for number in (1, 2))
    return charges.export(definition, replace(deployed(definition, tmp_path), accounts=accounts), run)


@pytest.mark.parametrize("settings", [{}, {"read_back": {"api": "admin", "admin": "ADMIN"}}], ids=["customers", "administrator"])
def test_every_payment_of_the_run_is_read_over_all_pages(tmp_path, run, monkeypatch, settings):
    """Sixty, at fifty a page; a payment that the run did not make is left out, whoever reads the list."""
    monkeypatch.setenv("ADMIN", "admin@plain.test:Plain-1234")
    with plain("--as-seen", "--habit", "login_ms=0", "--accounts", "2") as platform:
        ours = paid(run, platform, 60)
        assert export(tmp_path, run, platform, **settings) == {}
    rows = pq.read_table(run / CAPTURES_FILE).to_pylist()
    assert sorted(row["booking"] for row in rows) == ours
    assert {row["amount"] for row in rows} == {3000}
    assert [row["at"] for row in rows] == sorted({row["at"] for row in rows})


def test_a_charge_that_was_made_twice_is_read_twice(tmp_path, run):
    """Each with its ID."""
    with plain("--as-seen", "--habit", "login_ms=0", "--accounts", "2") as platform:
        platform.operate("plant/double-charge")
        ours = paid(run, platform, 3)
        assert export(tmp_path, run, platform) == {}
    rows = pq.read_table(run / CAPTURES_FILE).to_pylist()
    assert sorted(row["booking"] for row in rows) == sorted(ours * 2)
    assert len({row["capture"] for row in rows}) == 4


@pytest.mark.parametrize("off", [["pay_intent", "pay_confirm"], ["pay_confirm"]])
def test_a_platform_that_takes_no_payments_is_not_asked(tmp_path, run, off):
    """There is nothing to know, and nothing is missing."""
    with plain("--as-seen", "--habit", "login_ms=0", "--accounts", "2") as platform:
        assert export(tmp_path, run, platform, capabilities={"franchises": False, "steps_off": off}) == {}
    assert not (run / CAPTURES_FILE).exists()


def test_a_list_that_cannot_be_read_is_named_and_nothing_is_written(tmp_path, run):
    """With half a list, what it lacks would be a breach."""
    with plain("--as-seen", "--habit", "login_ms=0", "--accounts", "2") as platform:
        platform.operate("break/database")
        assert "logging customer1@plain.test in answers 500" in export(tmp_path, run, platform)["charges"]
    assert not (run / CAPTURES_FILE).exists()


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (ROW, [(1, 3000)]),
        ({**ROW, "status": "pending"}, []),
        ({**ROW, "status": "failed"}, []),
        ({**ROW, "status": "partially_refunded"}, [(1, 3000)]),
        ({**ROW, "booking_id": 3}, []),
        ({**ROW, "booking_id": None}, []),
        ({**ROW, "amount": "20.50"}, [(1, 2050)]),
        ({**ROW, "created_at": "yesterday"}, [(1, 3000)]),
    ],
)
def test_a_capture_is_a_payment_that_took_money_for_a_booking_of_the_run(tmp_path, row, found):
    """Other entries of the list do not count."""
    told = charges.captures([(row, None)], OURS, remote(tmp_path).topology, 100.0, shipped())
    assert [(one["booking"], one["amount"]) for one in told] == found


@pytest.mark.parametrize("change", [{"amount": None}, {"amount": "much"}, {"id": None}])
def test_a_payment_that_cannot_be_understood_makes_the_list_unknown(tmp_path, change):
    """If it were left out, it would count as missing."""
    with pytest.raises(Unlisted, match="a payment of booking 1 has no id or no amount"):
        charges.captures([({**ROW, **change}, None)], OURS, remote(tmp_path).topology, 100.0, shipped())


def test_the_plain_platform_pages_its_payments(tmp_path, run):
    """Otherwise the first test here would prove nothing."""
    with plain("--as-seen", "--habit", "login_ms=0", "--accounts", "2") as platform:
        paid(run, platform, 51)
        who = Customer(platform)
        first = json.loads(who.client.get("/api/v2/payments/history").content)
        assert (len(first["payments"]), first["total"], first["total_pages"]) == (50, 51, 2)
        assert who.client.get("/api/v2/payments/history?page_size=101").status_code == httpx.codes.UNPROCESSABLE_ENTITY
