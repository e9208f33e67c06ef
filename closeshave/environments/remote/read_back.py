"""The final state of a remote platform: bookings with the run's tag, from its databases or, if these cannot be reached, from its API.

Everything that can be read is read. A shard that does not answer, or a customer whose list is incomplete, is named, and verdicts about that part are
inconclusive.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from closeshave.api.spoken import spoken
from closeshave.caps.pace import Pace
from closeshave.clients import postgres
from closeshave.deployment import Account, Deployment
from closeshave.environments.remote import listing, record
from closeshave.environments.remote.api import Api, CallRefused
from closeshave.environments.remote.definition import Remote
from closeshave.environments.remote.listing import Listed, NoList
from closeshave.environments.remote.reader import Reader
from closeshave.environments.remote.record import FranchiseRecord
from closeshave.environments.remote.rows import Odd, Row, row
from closeshave.history import BOOKINGS, BOOKINGS_FILE, save_rows
from closeshave.topology import Topology

GIVE_UP_AFTER = 2
"""After so many refusals in a row a shard counts as down: each may take until a time-out, and there are many customers."""
WHOLE = "final state"
CONNECT_TIMEOUT_S = 10
"""For a database of the platform."""


class Unreadable(OSError):
    """The final state cannot be read back; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class FoundBooking:
    """A booking of the run, and the account that may cancel it."""

    row: Row
    id: int | str
    """As the platform returned it."""
    reader: Reader
    asked: int | None
    """The franchise of the list, if the platform has franchises."""

    def cancel(self) -> None:
        """Raises :class:`CallRefused`."""
        self.reader.cancel(self.id, self.row["franchise"] if self.asked is not None else None)


@dataclass(frozen=True, slots=True)
class BookingsRead:
    """What could be read, and what could not."""

    found: tuple[FoundBooking, ...]
    lacking: Mapping[str, str]
    """``final state of shard 2`` or ``final state of client 1007`` → why it is incomplete."""


def export(definition: Remote, deployment: Deployment, run: Path) -> tuple[int, Mapping[str, str]]:
    """Write the bookings of the run into its ``final_state/``; returns how many, and what is missing of it (as :attr:`BookingsRead.lacking`).

    Raises :class:`Unreadable` when nothing can be read, and then writes nothing.
    """
    tag = f"closeshave:{run.name}"
    lacking: Mapping[str, str]
    if definition.read_back.sql:
        rows, lacking = _from_databases(definition, record.read(run), tag)
    elif definition.read_back.api == "none":
        raise Unreadable("the environment file names neither databases nor the API for reading bookings back")
    else:
        with from_api(definition, deployment, run, tag) as read:
            rows, lacking = [found.row for found in read.found], read.lacking
    save_rows(run / BOOKINGS_FILE, pa.Table.from_pylist(rows, schema=BOOKINGS))
    return len(rows), lacking


@contextmanager
def from_api(definition: Remote, deployment: Deployment, run: Path, tag: str) -> Iterator[BookingsRead]:
    """Each booking with this tag, once; within the block the account that found it can cancel it.

    Raises :class:`Unreadable` when nothing can be read.
    """
    reading = _Reading(definition, deployment, record.read(run), tag)
    with readers(definition, deployment, run) as each:
        for reader in each:
            reading.read(reader)
        yield reading.done()


class _Reading:
    """The reading of all lists of a platform."""

    def __init__(self, definition: Remote, deployment: Deployment, booked: FranchiseRecord, tag: str) -> None:
        self._deployment, self._topology, self._booked, self._tag = deployment, deployment.topology, booked, tag
        self._everybodys = definition.read_back.api == "admin"
        self._found: dict[tuple[int, int], FoundBooking] = {}
        self._seen: set[str] = set()
        """The rows as returned: a booking that a platform shows for every franchise is one booking."""
        self._lists: list[tuple[str, Listed]] = []
        self._lacking: dict[str, str] = {}
        self._refused: Counter[int] = Counter()
        self._good = 0

    def read(self, reader: Reader) -> None:
        """One customer's lists, or those of all customers as an administrator."""
        for shard, franchise in asked(self._deployment):
            if self._refused[shard] >= GIVE_UP_AFTER:
                continue
            try:
                listed = reader.all("all_bookings" if self._everybodys else "my_bookings", franchise)
            except (CallRefused, NoList) as error:
                self._refused[shard] += 1
                self._lacking.setdefault(self._part(reader, shard), str(error))
                continue
            self._refused[shard] = 0
            self._good += 1
            self._lists.append((self._part(reader, shard), listed))
            self._keep(reader, listed, franchise, self._part(reader, shard))

    def done(self) -> BookingsRead:
        """Everything that was found. Raises :class:`Unreadable` when no list could be read."""
        if not self._good:
            raise Unreadable(f"bookings cannot be read back: {next(iter(self._lacking.values()), 'there is no account to read them with')}")
        given_up = {f"{WHOLE} of shard {shard}": f"its lists cannot be read: {GIVE_UP_AFTER} requests in a row were refused"
                    for shard, count in self._refused.items() if count >= GIVE_UP_AFTER}  # fmt: skip
        longest = max(listed.size for _, listed in self._lists)
        for part, listed in self._lists:
            if why := listing.whole_after_all(listed, longest).lacking:
                self._lacking.setdefault(part, f"its list {why}")
        return BookingsRead(tuple(self._found.values()), given_up | self._lacking)

    def _part(self, reader: Reader, shard: int) -> str:
        """The part of the final state that one list covers: a shard, if there are several or if an administrator reads all bookings, else one customer."""
        if self._everybodys or len(self._topology.shards) > 1 or reader.client is None:
            return f"{WHOLE} of shard {shard}"
        return f"{WHOLE} of client {reader.client}"

    def _keep(self, reader: Reader, listed: Listed, asked: int | None, part: str) -> None:
        for told in listed.rows:
            if not isinstance(told, dict):
                self._lacking.setdefault(part, f"a row of its list is {type(told).__name__}, not a booking: {str(told)[:60]!r}")
                continue
            if told.get("notes") != self._tag:
                continue
            identity = repr(sorted(told.items(), key=lambda item: item[0]))
            if identity in self._seen:
                continue
            self._seen.add(identity)
            try:
                kept = placed(row(told), self._topology, self._booked, asked)
            except Odd as error:
                self._lacking.setdefault(part, f"a row of its list is left out: {error}")
                continue
            self._found.setdefault((kept["franchise"], kept["booking"]), FoundBooking(kept, told["id"], reader, asked))


def placed(told: Row, topology: Topology, booked: FranchiseRecord, asked: int | None = None) -> Row:
    """A row with its franchise and shard: as returned, else as the run itself recorded it. Pure."""
    franchise = told["franchise"] or booked.franchise_of(told, asked, topology)
    shard = topology.shard_of(franchise)
    # The API does not say on which shard a row lies: it counts for the shard of the franchise that was requested.
    return {**told, "franchise": franchise, "found_on": shard.id if shard else 0}


def _from_databases(definition: Remote, booked: FranchiseRecord, tag: str) -> tuple[list[Row], Mapping[str, str]]:
    """Every shard's rows, and why some are missing. Raises :class:`Unreadable` when no shard can be read."""
    rows: list[Row] = []
    lacking: dict[str, str] = {}
    for shard, variable in definition.read_back.sql.items():
        first = definition.topology.shard(shard).first
        try:
            for told in _select(definition, variable, tag):
                try:
                    rows.append({**placed(row(told), definition.topology, booked, first), "found_on": shard})
                except Odd as error:
                    lacking.setdefault(f"{WHOLE} of shard {shard}", f"read_back.query returned a row that is left out: {error}")
        except Unreadable as error:
            lacking[f"{WHOLE} of shard {shard}"] = str(error)
            if len(definition.read_back.sql) == 1:
                raise Unreadable(f"shard {shard}: {error}") from None
    if all(f"{WHOLE} of shard {shard}" in lacking for shard in definition.read_back.sql) and not rows:
        raise Unreadable("; ".join(f"{part.removeprefix(f'{WHOLE} of ')}: {why}" for part, why in lacking.items()))
    unread = {shard.id for shard in definition.topology.shards} - set(definition.read_back.sql)
    lacking |= {f"{WHOLE} of shard {shard}": "read_back.sql names no database for it" for shard in sorted(unread)}
    return rows, lacking


def _select(definition: Remote, variable: str, tag: str) -> list[dict[str, Any]]:
    address = os.environ.get(variable)
    if not address:
        raise Unreadable(f"the environment variable {variable} with its connection string is not set")
    try:
        return postgres.select(address, definition.read_back.query, {"tag": tag}, connect_timeout_s=CONNECT_TIMEOUT_S)
    except postgres.Unavailable as error:
        # Not the error's own text: it may repeat the connection string.
        raise Unreadable(f"{type(error).__name__} {error.sqlstate or ''} from the database in {variable}".replace("  ", " ")) from None


@contextmanager
def readers(definition: Remote, deployment: Deployment, run: Path) -> Iterator[Iterator[Reader]]:
    """Those whose lists are read, each at the address of its region, together at the pace that the platform allows.

    Raises :class:`Unreadable` where the administrator is not known.
    """
    pace, able, api = Pace(definition.caps.requests_per_s), deployment.capabilities, spoken(deployment.api)
    with ExitStack() as open_ones:
        apis = {
            edge.region: open_ones.enter_context(
                closing(Api(edge.url, able, pace=pace, proxy=deployment.proxy, spoken=api, authority=deployment.authority))
            )
            for edge in deployment.edges
        }
        yield (Reader(apis[account.region], deployment, account, run) for account in _accounts(definition, deployment))


def _accounts(definition: Remote, deployment: Deployment) -> tuple[Account, ...]:
    if definition.read_back.api != "admin":
        return deployment.accounts
    variable = definition.read_back.admin or ""
    email, _, password = os.environ.get(variable, "").partition(":")
    if not password:
        raise Unreadable(f"the environment variable {variable} with email:password of the administrator is not set")
    return (Account(email, password, deployment.topology.regions[0]),)


def asked(deployment: Deployment) -> Iterator[tuple[int, int | None]]:
    """Shard and franchise to request: a platform with franchises answers for one at a time, so one franchise of each shard is used."""
    if not deployment.capabilities.franchises:
        yield deployment.topology.shards[0].id, None
        return
    for shard in deployment.topology.shards:
        yield shard.id, shard.first
