"""The data of a new platform: one shard's franchises with their barbers and hours, and its accounts.

Everything is computed from IDs, so that two environments of the same size have the same customers and shops. ``python -m closeshave.standin.seed``
fills the database in ``DATABASE_URL`` with the shard ``SHARD`` of ``TOPOLOGY``, and writes the customers' accounts that lie there into the CSV
file ``ACCOUNTS_FILE``.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from closeshave.deployment import Account
from closeshave.standin.passwords import hash_password
from closeshave.standin.regions import zone_name
from closeshave.standin.settings import TOPOLOGY, SeedSizes
from closeshave.topology import Shard, Topology

SCHEMA = Path(__file__).with_name("schema.sql")

SERVICES = ((1, "Haircut", "Classic cut", 30, 3_000), (2, "Shave", "Hot towel shave", 20, 2_000), (3, "Haircut & Shave", "Both", 45, 4_500))
"""ID, name, description, minutes, price in cents: the same in all shops."""

NETWORKS = 200
"""Franchises are assigned to networks in turn, so that every network has franchises in all shards."""


def accounts(topology: Topology, sizes: SeedSizes) -> tuple[Account, ...]:
    """The customers' accounts of every home region of a shard, in the topology's order of regions."""
    homes = {shard.home for shard in topology.shards}
    return tuple(
        Account(f"customer.{number}@{region}.example", sizes.password, region)
        for region in topology.regions
        if region in homes
        for number in range(1, sizes.accounts_per_region + 1)
    )


def administrator(region: str, sizes: SeedSizes) -> Account:
    """The account of ``region`` that may list all bookings."""
    return Account(f"admin@{region}.example", sizes.password, region)


def build(connection: psycopg.Connection, shard: Shard, topology: Topology, sizes: SeedSizes) -> None:
    """Fill the empty database of ``connection`` (autocommit) with the data of ``shard``.

    All or nothing: one transaction. Raises :class:`psycopg.Error`, and :class:`ValueError` for more barbers than an ID has room for.
    """
    if not 1 <= sizes.barbers_per_franchise <= 9:
        raise ValueError("barbers_per_franchise must be from 1 to 9: a barber's ID is the franchise's and one more digit")
    with connection.transaction(), connection.cursor() as cursor:
        for name, value in (("shard", shard.id), ("first", shard.first), ("last", shard.last), ("home", shard.home)):
            cursor.execute("SELECT set_config(%s, %s, true)", (f"standin.{name}", str(value)))
        # Without parameters psycopg sends the file as it is, all statements at once.
        cursor.execute(SCHEMA.read_bytes())
        cursor.executemany("INSERT INTO services VALUES (%s, %s, %s, %s, %s)", SERVICES)
        cursor.execute(
            "INSERT INTO franchises (id, network_id, name, address, city, phone, timezone)"
            " SELECT id, 1 + (id - 1) %% %s, 'BookedBarber ' || id, 1 + id %% 900 || ' Main Street', 'City ' || id / 250,"
            "        '+1-555-' || lpad(id::text, 7, '0'), %s FROM generate_series(%s::int, %s::int) AS id",
            (NETWORKS, zone_name(shard.home), shard.first, shard.last),
        )
        cursor.execute("INSERT INTO opening_hours (franchise_id) SELECT id FROM franchises")
        cursor.execute(
            "INSERT INTO barbers (id, franchise_id, name, email)"
            " SELECT f.id * 10 + n, f.id, 'Barber ' || n, 'barber.' || f.id * 10 + n || '@' || f.region || '.example'"
            " FROM franchises f, generate_series(1, %s::int) AS n",
            (sizes.barbers_per_franchise,),
        )
        if shard == _account_shard(topology, shard.home):
            _insert_accounts(cursor, shard, topology, sizes)
    connection.execute("VACUUM (ANALYZE)")


def _account_shard(topology: Topology, region: str) -> Shard:
    """The shard that holds the accounts of ``region``: the first one if a region has several."""
    return next(shard for shard in topology.shards if shard.home == region)


def _insert_accounts(cursor: psycopg.Cursor, shard: Shard, topology: Topology, sizes: SeedSizes) -> None:
    people = [(account.email, "client") for account in accounts(topology, sizes) if account.region == shard.home]
    people.append((administrator(shard.home, sizes).email, "admin"))
    # One hash for all: they share the password, and hashing is slow on purpose.
    cursor.execute(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, role)"
        " SELECT %s::bigint * 1000000000000 + n, person ->> 0, %s, initcap(split_part(person ->> 0, '.', 1)), n::text, person ->> 1"
        " FROM jsonb_array_elements(%s) WITH ORDINALITY AS p (person, n)",
        (shard.id, hash_password(sizes.password), Jsonb(people)),
    )


def main(environ: Mapping[str, str] = os.environ) -> None:
    """Do what the variables say. Raises :class:`psycopg.Error`, :class:`KeyError`, :class:`ValueError` and :class:`OSError`."""
    topology = TOPOLOGY.validate_json(environ["TOPOLOGY"])
    shard = topology.shard(int(environ["SHARD"]))
    sizes = SeedSizes(int(environ["BARBERS_PER_FRANCHISE"]), int(environ["ACCOUNTS_PER_REGION"]))
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        build(connection, shard, topology, sizes)
    here = shard == _account_shard(topology, shard.home)
    with Path(environ["ACCOUNTS_FILE"]).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("email", "password", "region"))
        told = accounts(topology, sizes) if here else ()
        rows.writerows((account.email, account.password, account.region) for account in told if account.region == shard.home)


if __name__ == "__main__":
    main()
