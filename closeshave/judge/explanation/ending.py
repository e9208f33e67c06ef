"""The last lines of an explanation: what the final state, the provider's ledger and the caches hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from closeshave.history import BOOKINGS_FILE, CACHE_ENTRIES_FILE, CAPTURES_FILE, History
from closeshave.judge.evidence.columns import ints
from closeshave.judge.explanation.line import Line

BookingName = tuple[int, int]
"""Franchise and ID."""


def in_the_end(history: History, bookings: Iterable[BookingName], shops: Iterable[int]) -> Iterator[Line]:
    """What the final state and the provider's ledger say about the bookings, also if that is nothing; and what the caches hold for the shops."""
    final, ledger = history.bookings, history.captures
    for franchise, booking in sorted(bookings):
        name = f"booking {booking} of franchise {franchise}"
        if final is None:
            yield Line(None, "end", "final state", f"could not be read, so nothing is known of {name}", BOOKINGS_FILE)
        else:
            places = np.flatnonzero((ints(final["franchise"], -1) == franchise) & (ints(final["booking"], -1) == booking))
            for place in places:
                row = final.iloc[place]
                yield Line(
                    None,
                    "end",
                    f"shard {row['found_on']}",
                    f"holds {name}: {row['status']}, version {row['version']}, key {row['key']}",
                    f"{BOOKINGS_FILE} row {place}",
                )
            if not len(places):
                yield Line(None, "end", "final state", f"{name} is missing", BOOKINGS_FILE)
        if ledger is not None:
            for place in np.flatnonzero((ints(ledger["franchise"], -1) == franchise) & (ints(ledger["booking"], -1) == booking)):
                charge = ledger.iloc[place]
                yield Line(
                    None,
                    "end",
                    "provider",
                    f"charged {charge['amount'] / 100:,.2f} for {name} ({charge['capture']})",
                    f"{CAPTURES_FILE} row {place}",
                )
    yield from _cached(history, sorted(shops))


def _cached(history: History, shops: list[int]) -> Iterator[Line]:
    """The entries of these franchises that were compared with the database, on whatever node."""
    entries = history.cache_entries
    if entries is None:
        return
    for place in np.flatnonzero(entries["franchise"].isin(shops) & entries["stored"].notna()):
        entry = entries.iloc[place]
        held, stored = (
            f"version {entry[name]}" if pd.notna(entry[name]) else "no version" for name in ("cached_version", "stored_version")
        )
        what = f"holds {held} under {entry['key']}; the database has {stored}"
        yield Line(None, "end", str(entry["store"]), what, f"{CACHE_ENTRIES_FILE} row {place}")
