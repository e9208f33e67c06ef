"""Columns as plain arrays: many values at once give the same result as one value at a time."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.judge.evidence.columns import member, shard_ids
from closeshave.judge.evidence.joins import dense
from tests.judge.histories import TOPOLOGY

numbers = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2**62)), max_size=20)
texts = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20)


@given(numbers)
def test_rows_get_one_number_exactly_when_they_are_equal(rows: list[tuple[int, int]]) -> None:
    """However large the values are."""
    one, two = (np.array([row[index] for row in rows], dtype=np.int64) for index in (0, 1))
    names = dense(one, two).tolist()
    assert [[a == b for b in names] for a in names] == [[a == b for b in rows] for a in rows]
    assert set(names) == set(range(len(set(rows))))


@given(st.lists(st.integers(-5, 260), max_size=20))
def test_every_franchise_has_the_shard_that_the_topology_gives_it(franchises: list[int]) -> None:
    """Below, between and past every range too."""
    told = shard_ids(TOPOLOGY, np.array(franchises, dtype=np.int64)).tolist()
    assert told == [shard.id if (shard := TOPOLOGY.shard_of(one)) else -1 for one in franchises]


@pytest.mark.parametrize("dtype", [pd.CategoricalDtype(["c", "a", "b"]), "str", "object"])
@given(texts, st.sets(st.sampled_from(["a", "b", "z"])))
def test_a_text_column_is_searched_alike_in_every_storage_format(dtype: Any, column: list[str | None], wanted: set[str]) -> None:
    """An absent value equals no text."""
    told = member(pd.Series(column, dtype=dtype), sorted(wanted)).tolist()
    assert told == [text is not None and text in wanted for text in column]
