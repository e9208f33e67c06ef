"""Joins by sorting: whatever the columns are, and in whatever blocks, they say what comparing every row with every other one says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from closeshave.history.room import IN_MEMORY, Room
from closeshave.judge.evidence import blocks
from closeshave.judge.evidence.joins import ascending, dense, distinct, first_equal, held_in, packed, pairs, rows_in
from closeshave.judge.evidence.places import Places
from closeshave.judge.evidence.rows import Rows
from closeshave.judge.evidence.texts import alike, hashes

Ints = NDArray[np.int64]
numbers = st.one_of(st.integers(-1, 3), st.sampled_from([2**62, 2**62 - 1, -(2**63), 2**63 - 1]))
tables = st.lists(st.tuples(numbers, st.integers(-1, 2), st.integers(0, 2)), max_size=12)
keys = st.lists(st.sampled_from(["", "a", "b", "key-1", "key-2", "a longer key than one word", "é", None]), max_size=20)


@pytest.fixture(autouse=True, params=[1, 3, 1 << 18])
def _in_blocks(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "ROWS", request.param)
        patch.setattr(blocks, "FEW", 2)
        patch.setattr(blocks, "processors", lambda: 2)
        yield


def columns(table: Sequence[tuple[int, ...]], count: int = 3) -> list[Ints]:
    """Its first columns."""
    return [np.array([row[at] for row in table], dtype=np.int64) for at in range(count)]


@given(tables, tables)
def test_packed_numbers_are_equal_and_in_order_as_rows_are(left: list[tuple[int, int, int]], right: list[tuple[int, int, int]]) -> None:
    """Of both tables together, also where values have too wide a range to lie side by side."""
    one, two = (each.tolist() for each in packed(columns(left), columns(right)))
    names, rows = one + two, left + right
    assert [[(a > b) - (a < b) for b in names] for a in names] == [[(a > b) - (a < b) for b in rows] for a in rows]


@given(tables)
def test_rows_are_ordered_as_numpy_orders_them(table: list[tuple[int, int, int]]) -> None:
    """Equal rows stay in their order."""
    made = columns(table)
    assert ascending(*made).tolist() == np.lexsort(made[::-1]).tolist()
    assert ascending(made[1]).tolist() == np.argsort(made[1], kind="stable").tolist()


@given(tables)
def test_rows_are_numbered_as_they_first_occur(table: list[tuple[int, int, int]]) -> None:
    """As pandas numbers them."""
    assert dense(*columns(table)).tolist() == pd.factorize(pd.Series([tuple(row) for row in table], dtype=object))[0].tolist()
    assert distinct(*columns(table)) == len(set(table))


@given(tables, tables)
def test_rows_of_two_tables_are_found_in_each_other(left: list[tuple[int, int, int]], right: list[tuple[int, int, int]]) -> None:
    """Pairs in order, and of several equal rows the one with the least third column."""
    mine, theirs = columns(left, 2), columns(right, 2)
    one, two = ([row[:2] for row in table] for table in (left, right))
    assert rows_in(mine, theirs).tolist() == [row in two for row in one]
    found = list(zip(*(each.tolist() for each in pairs(mine, theirs)), strict=True))
    assert found == [(at, to) for at, row in enumerate(one) for to, other in enumerate(two) if row == other]
    least = [min(((right[to][2], to) for to, other in enumerate(two) if row == other), default=(0, -1))[1] for row in one]
    assert first_equal(mine, theirs, columns(right)[2]).tolist() == least


@given(st.lists(numbers, max_size=30), st.lists(numbers, max_size=30))
def test_numbers_are_found_among_others(some: list[int], others: list[int]) -> None:
    """Whichever of the two are fewer."""
    assert held_in(np.array(some, dtype=np.int64), np.array(others, dtype=np.int64)).tolist() == [one in others for one in some]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), max_size=5), st.lists(st.integers(-2, 105), max_size=20))
def test_an_operation_is_found_by_its_id(runs: list[tuple[int, int]], wanted: list[int]) -> None:
    """In runs that count up, apart or over each other, in any order; of several the first one."""
    ids = [first + nth for first, size in runs for nth in range(size)]
    places = Places.of(np.array(ids, dtype=np.int64))
    assert places.at(np.array(wanted, dtype=np.int64)).tolist() == [ids.index(one) if one in ids else -1 for one in wanted]
    assert places.repeated == len(ids) - len(set(ids))


@given(keys)
def test_equal_texts_have_equal_numbers(texts: list[str | None]) -> None:
    """And these different ones different numbers."""
    told = hashes(pd.Series(texts, dtype="str"), IN_MEMORY)
    known = [at for at, text in enumerate(texts) if text is not None]
    assert [[told[a] == told[b] for b in known] for a in known] == [[texts[a] == texts[b] for b in known] for a in known]
    repeated = [at for at, text in enumerate(texts) if texts.count(text) > 1 and text is not None]
    assert [known[at] for at in alike(told[known]).tolist()] == repeated


@given(tables, st.data())
def test_rows_beside_each_other_are_as_in_a_frame(table: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Every type of column, gathered, selected and assigned."""
    count = len(table)
    frame = pd.DataFrame(
        {
            "number": np.array([row[1] for row in table], dtype=np.int16),
            "optional": pd.array([row[1] if row[1] >= 0 else None for row in table], dtype="Int64"),
            "text": pd.Series([f"text {row[2]}" if row[2] else None for row in table], dtype="str"),
            "word": pd.Categorical([f"word {row[2]}" if row[2] else None for row in table]),
        }
    )
    places = np.array(data.draw(st.lists(st.integers(0, count - 1), max_size=20) if count else st.just([])), dtype=np.int64)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places))), dtype=np.bool_)
    rows = Rows([(frame, places)], Room(), {"place": places})
    expected = frame.take(places).reset_index(drop=True).assign(place=places)
    pd.testing.assert_frame_equal(rows.frame(), expected)
    pd.testing.assert_frame_equal(
        rows[kept].assign(word=places[kept]).frame(), expected[kept].reset_index(drop=True).assign(word=places[kept])
    )
    assert len(rows[kept]) == int(kept.sum())
    assert "text" in rows
    assert "nothing" not in rows
