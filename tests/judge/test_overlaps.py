"""The sweep for double bookings against the plain comparison of every pair."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.integrity.double import overlapping

bookings = st.tuples(
    st.integers(1, 2),  # franchise
    st.integers(1, 2),  # barber
    st.integers(0, 12),  # start, in quarters of an hour
    st.sampled_from([15, 20, 30, 45]),
    st.integers(0, 10),  # held from
    st.integers(1, 5),  # held for
    st.integers(1, 8),  # booking
)


def table(rows: list[tuple[int, ...]]) -> pd.DataFrame:
    """Rows as holdings."""
    return pd.DataFrame(
        [
            {"franchise": franchise, "barber": barber, "starts_at": 900 * start, "minutes": minutes, "from_ns": begun,
             "until_ns": begun + length, "booking": booking}
            for franchise, barber, start, minutes, begun, length, booking in rows
        ],
        columns=["franchise", "barber", "starts_at", "minutes", "from_ns", "until_ns", "booking"],
    )  # fmt: skip


def by_hand(rows: pd.DataFrame, *, held_ns: bool) -> set[frozenset[int]]:
    """Every pair compared with every other."""
    found = set()
    listed = rows.to_dict("records")
    for one, first in enumerate(listed):
        for two, second in enumerate(listed[:one]):
            same = all(first[name] == second[name] for name in ("franchise", "barber")) and first["booking"] != second["booking"]
            slots = (
                first["starts_at"] < second["starts_at"] + 60 * second["minutes"]
                and second["starts_at"] < first["starts_at"] + 60 * first["minutes"]
            )
            held = first["from_ns"] < second["until_ns"] and second["from_ns"] < first["until_ns"]
            if same and slots and (held or not held_ns):
                found.add(frozenset((one, two)))
    return found


@given(st.lists(bookings, max_size=12), st.booleans())
def test_the_sweep_finds_what_comparing_every_pair_finds(rows: list[tuple[int, ...]], held_ns: bool) -> None:
    """In the final state (every overlap of slots) and in the history (only those held at one instant)."""
    listed = table(rows)
    assert {frozenset(pair) for pair in overlapping(listed, held_ns=held_ns)} == by_hand(listed, held_ns=held_ns)
