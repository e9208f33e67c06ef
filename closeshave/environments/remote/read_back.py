"""The final state of a platform elsewhere: bookings that carry the run's tag, from its databases or, where there is no way to them, its API."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from closeshave.deployment import Account, Deployment
from closeshave.environments.remote.api import Api, Caller, Refused
from closeshave.environments.remote.definition import Remote
from closeshave.history import BOOKINGS, BOOKINGS_FILE, save_rows
from closeshave.topology import Topology

Row = dict[str, Any]


class Unreadable(OSError):
    """The final state cannot be read back; says what is missing."""


def export(definition: Remote, deployment: Deployment, run: Path) -> int:
    """Write the bookings of the run into its ``final_state/``; returns how many. Raises :class:`Unreadable`, and then writes nothing."""
    tag = f"closeshave:{run.name}"
    if definition.read_back.sql:
        rows = list(_from_databases(definition, tag))
    elif definition.read_back.api == "none":
        raise Unreadable("the environment file names no way to read bookings back: neither databases nor the API")
    else:
        rows = [booking for booking, _ in from_api(definition, deployment, tag)]
    save_rows(run / BOOKINGS_FILE, pa.Table.from_pylist(rows, schema=BOOKINGS))
    return len(rows)


def from_api(definition: Remote, deployment: Deployment, tag: str) -> Iterator[tuple[Row, Callable[[], None]]]:
    """Each booking with this tag, and what cancels it. Raises :class:`Unreadable`."""
    path = "/api/v2/appointments/all/list" if definition.read_back.api == "admin" else "/api/v2/appointments/"
    for account in _readers(definition, deployment):
        with closing(Api(deployment.edge(account.region).url, deployment.capabilities)) as api:
            try:
                caller = api.log_in(account.email, account.password)
                for franchise in _franchises(deployment):
                    told = api.get(caller, path, franchise)["appointments"]
                    for booking in (booking for booking in told if booking.get("notes") == tag):
                        yield row(booking, deployment.topology, franchise), _cancelling(api, caller, booking["id"], franchise)
            except (Refused, KeyError, TypeError, ValueError) as error:
                raise Unreadable(f"{account.region}: bookings cannot be read back: {error}") from None


def row(booking: Mapping[str, Any], topology: Topology, franchise: int | None = None) -> Row:
    """An answer of the API, or a row of a database with the same names, as the history keeps it. Raises :class:`KeyError`. Pure."""
    where = booking.get("franchise_id") or franchise or topology.shards[0].first
    shard = topology.shard_of(int(where))
    price = booking.get("price")
    return {
        "booking": int(booking["id"]),
        "franchise": int(where),
        # Read through the API nobody says on which shard a row lies: the shard that answers for the franchise is the one that it was asked of.
        "found_on": booking.get("found_on") or (shard.id if shard else 0),
        "barber": booking["barber_id"],
        "client": None if booking.get("client_id") is None else str(booking["client_id"]),
        "starts_at": int(_epoch_s(booking["start_time"])),
        "minutes": booking.get("duration_minutes"),
        "status": booking.get("status"),
        "version": booking.get("version"),
        "key": booking.get("idempotency_key"),
        "created_at": _epoch_s(booking["created_at"]) if booking.get("created_at") else None,
        "price_cents": None if price is None else round(float(price) * 100),
    }


def _from_databases(definition: Remote, tag: str) -> Iterator[Row]:
    for shard, variable in definition.read_back.sql.items():
        address = os.environ.get(variable)
        if not address:
            raise Unreadable(f"shard {shard}: the environment variable {variable} with its connection string is not set")
        try:
            with psycopg.connect(address, connect_timeout=10, row_factory=dict_row) as connection:
                for found in connection.execute(definition.read_back.query, {"tag": tag}):
                    yield row({**found, "found_on": shard}, definition.topology)
        except psycopg.Error as error:
            # Not the error's own text: it may repeat the connection string.
            raise Unreadable(
                f"shard {shard}: {type(error).__name__} {error.sqlstate or ''} from the database in {variable}".strip()
            ) from None
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable(f"shard {shard}: read_back.query gives no booking: {type(error).__name__}: {error}") from None


def _readers(definition: Remote, deployment: Deployment) -> tuple[Account, ...]:
    if definition.read_back.api == "customer":
        return deployment.accounts
    variable = definition.read_back.admin or ""
    email, _, password = os.environ.get(variable, "").partition(":")
    if not password:
        raise Unreadable(f"the environment variable {variable} with email:password of the administrator is not set")
    return (Account(email, password, deployment.topology.regions[0]),)


def _franchises(deployment: Deployment) -> tuple[int | None, ...]:
    """Where to ask: a platform with franchises answers for one at a time, so one of each shard stands for it."""
    return tuple(shard.first for shard in deployment.topology.shards) if deployment.capabilities.franchises else (None,)


def _cancelling(api: Api, caller: Caller, booking: int, franchise: int | None) -> Callable[[], None]:
    return lambda: api.cancel(caller, booking, franchise)


def _epoch_s(at: object) -> float:
    """Seconds since the epoch; the API tells UTC without saying so."""
    told = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
