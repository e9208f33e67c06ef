"""What a new platform holds, and what its databases refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from closeshave.standin import seed
from closeshave.standin.passwords import matches
from closeshave.standin.settings import SeedSizes
from closeshave.topology import Shard, Topology

HOME = Shard(1, 1, 50, "us-east-1", "us-west-2")
EUROPE = Shard(3, 51, 100, "eu-west-1", "eu-west-1")
TOPOLOGY = Topology(("us-east-1", "us-west-2", "eu-west-1"), (HOME, EUROPE), ("eu-west-1",))
SIZES = SeedSizes(barbers_per_franchise=2, accounts_per_region=3)


def test_accounts_are_named_after_their_region() -> None:
    """Every home region of a shard has its customers; a region without franchises has none."""
    found = seed.accounts(TOPOLOGY, SIZES)
    assert [account.email for account in found if account.region == "eu-west-1"] == [f"customer.{n}@eu-west-1.example" for n in (1, 2, 3)]
    assert {account.region for account in found} == {"us-east-1", "eu-west-1"}
    assert len({account.email for account in found}) == 6


@pytest.fixture(scope="module")
def europe(new_postgres: Callable[[], Any]) -> Iterator[psycopg.Connection]:
    """A connection to the seeded shard of eu-west-1."""
    server = new_postgres()
    with server.connect() as connection:
        connection.execute("CREATE DATABASE standin")
    with server.connect("standin") as connection:
        seed.build(connection, EUROPE, TOPOLOGY, SIZES)
        yield connection


@pytest.mark.servers
def test_a_shard_holds_its_franchises_and_no_others(europe: psycopg.Connection) -> None:
    """Franchises, hours, barbers and the accounts of the home region exist; a barber's ID begins with the franchise's."""
    assert europe.execute("SELECT min(id), max(id), count(*), min(timezone) FROM franchises").fetchone() == (51, 100, 50, "Europe/Dublin")
    assert europe.execute("SELECT count(*) FROM opening_hours").fetchone() == (50,)
    assert europe.execute("SELECT id FROM barbers WHERE franchise_id = 51 ORDER BY id").fetchall() == [(511,), (512,)]
    assert europe.execute("SELECT count(*), min(region), max(region) FROM users WHERE role = 'client'").fetchone() == (
        3,
        "eu-west-1",
        "eu-west-1",
    )


@pytest.mark.servers
def test_seeded_accounts_can_log_in(europe: psycopg.Connection) -> None:
    """The stored hash is that of the password that the accounts are given."""
    stored = europe.execute("SELECT password_hash FROM users WHERE email = 'customer.2@eu-west-1.example'").fetchone()
    assert stored is not None
    assert matches(stored[0], SIZES.password)
    assert not matches(stored[0], "wrong")


BOOKING = """
INSERT INTO bookings (franchise_id, barber_id, client_id, service_id, service_name, starts_at, minutes, price_cents)
VALUES (%s, %s, 1, 1, 'Haircut', %s, %s, 1)
"""


@pytest.mark.servers
@pytest.mark.parametrize(
    ("starts_at", "minutes", "refused"),
    [
        ("2030-01-01 10:00+00", 45, True),
        ("2030-01-01 10:30+00", 20, True),
        ("2030-01-01 09:41+00", 20, True),
        ("2030-01-01 10:45+00", 20, False),
        ("2030-01-01 09:40+00", 20, False),
    ],
)
def test_bookings_of_one_barber_never_overlap(europe: psycopg.Connection, starts_at: str, minutes: int, refused: bool) -> None:
    """Next to a 45-minute booking at 10:00 only a booking that ends by 10:00 or starts from 10:45 is accepted, whatever its length."""
    with europe.transaction(force_rollback=True):
        europe.execute(BOOKING, (51, 511, "2030-01-01 10:00+00", 45))
        if refused:
            with pytest.raises(psycopg.errors.ExclusionViolation):
                europe.execute(BOOKING, (51, 511, starts_at, minutes))
        else:
            europe.execute(BOOKING, (51, 511, starts_at, minutes))


@pytest.mark.servers
@pytest.mark.parametrize(("franchise", "barber"), [(50, 501), (101, 1011), (51, 521)])
def test_a_row_of_another_shard_is_refused(europe: psycopg.Connection, franchise: int, barber: int) -> None:
    """The database itself refuses bookings of other shards' franchises, and of barbers who work elsewhere."""
    with pytest.raises(psycopg.errors.CheckViolation):
        europe.execute(BOOKING, (franchise, barber, "2030-01-01 10:00+00", 30))


@pytest.mark.servers
def test_people_of_other_regions_are_refused(europe: psycopg.Connection) -> None:
    """An account of another region cannot be written into the shard of eu-west-1."""
    with pytest.raises(psycopg.errors.CheckViolation):
        europe.execute("INSERT INTO users (email, password_hash, first_name, last_name, region) VALUES ('a@b', '', '', '', 'us-east-1')")


@pytest.mark.servers
def test_ids_contain_their_shard(europe: psycopg.Connection) -> None:
    """An ID divided by 10^12 is the shard's ID, and IDs ascend."""
    [(first,), (second,)] = europe.execute("SELECT new_id() FROM generate_series(1, 2)").fetchall()
    assert first // 10**12 == second // 10**12 == EUROPE.id
    assert first < second
