"""What the customers of a run were charged, from the platform's own list of payments: the captures of the final state.

The list is the platform's, not its provider's: a charge that the platform does not know of is not seen. A payment that it shows twice was charged twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from closeshave.api.profile import ApiProfile
from closeshave.deployment import Deployment
from closeshave.environments.remote import listing, record
from closeshave.environments.remote.api import CallRefused
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.listing import NoList
from closeshave.environments.remote.read_back import asked, readers
from closeshave.environments.remote.reader import Reader
from closeshave.environments.remote.record import FranchiseRecord
from closeshave.environments.remote.rows import Row, cents, epoch_s
from closeshave.history import CAPTURES, CAPTURES_FILE, save_rows
from closeshave.history.ids import number
from closeshave.operations import PAYING
from closeshave.topology import Topology

WHAT = "charges"


class Unlisted(OSError):
    """The payments of the run are not known; the message says why."""


def export(definition: Remote, deployment: Deployment, run: Path) -> Mapping[str, str]:
    """Write the captures of this run's bookings. If they are not known, it writes nothing and returns why.

    Captures that are only partly known are not written: a payment that is missing from half a list may not be missing.
    """
    if set(PAYING) & set(deployment.capabilities.steps_off) or definition.read_back.api == "none":
        return {}
    try:
        rows = _read(definition, deployment, run)
    except OSError as error:
        return {WHAT: str(error)}
    save_rows(run / CAPTURES_FILE, pa.Table.from_pylist(rows, schema=CAPTURES))
    return {}


def _read(definition: Remote, deployment: Deployment, run: Path) -> list[Row]:
    told: dict[str, tuple[Mapping[str, Any], int | None]] = {}
    with readers(definition, deployment, run) as each:
        for reader in each:
            for _, franchise in asked(deployment):
                for row in _list(reader, franchise):
                    told.setdefault(listing.identity(row), (row, franchise))
    return captures(told.values(), record.read(run), deployment.topology, time.time(), deployment.api)


def _list(reader: Reader, franchise: int | None) -> Iterable[Mapping[str, Any]]:
    try:
        listed = reader.all("payments", franchise)
    except (CallRefused, NoList) as error:
        raise Unlisted(f"payments cannot be listed: {error}") from None
    if listed.lacking:
        raise Unlisted(f"the list of payments {listed.lacking}")
    if odd := [type(row).__name__ for row in listed.rows if not isinstance(row, dict)]:
        raise Unlisted(f"a row of the list of payments is {odd[0]}, not a payment")
    return listed.rows


def captures(
    told: Iterable[tuple[Mapping[str, Any], int | None]],
    booked: FranchiseRecord,
    topology: Topology,
    read_at_s: float,
    api: ApiProfile,
) -> list[Row]:
    """Those rows (in the harness's form, each with the franchise of its list) that took money for bookings of the run, the oldest first.

    Raises :class:`Unlisted` for one that cannot be understood. ``at`` gives their order, counted in microseconds from when they were read: by the
    platform's own clock one could be older than the run. Pure.
    """
    found, took_money = [], api.operations.payments.answer.took_money if api.operations.payments else ()
    for row, franchise in told:
        booking = number(row.get("booking_id"))
        if booking is None or booking not in booked.by_booking or str(row.get("status")).lower() not in took_money:
            continue
        amount = cents(row.get("amount"))
        if amount is None or row.get("id") is None:
            raise Unlisted(f"a payment of booking {booking} has no id or no amount")
        where = booked.franchise_of({"booking": booking, "client": None, "barber": None, "starts_at": None}, franchise, topology)
        found.append((_made_s(row), str(row["id"]), booking, where, amount))
    return [
        {"capture": payment, "booking": booking, "franchise": where, "amount": amount, "key": None, "at": read_at_s + turn / 1e6}
        for turn, (_, payment, booking, where, amount) in enumerate(sorted(found))
    ]


def _made_s(row: Mapping[str, Any]) -> float:
    try:
        return epoch_s(row.get("created_at"))
    except ValueError:
        return 0.0
