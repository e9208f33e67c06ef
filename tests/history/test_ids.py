"""IDs of a platform as numbers: the same in every process, unique, exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.history import ids


@pytest.mark.parametrize(
    ("told", "number"),
    [
        (17, 17),
        ("17", 17),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (None, None),
        (True, None),
        ("", None),
        (3.5, None),
        ([], None),
        ({"id": 7}, None),
    ],
)
def test_numbers_stay_themselves_and_an_invalid_id_is_none(told, number):
    """Also if a number is given as text."""
    assert ids.number(told) == number


@pytest.mark.parametrize(
    "told", ["b-17", "007", "+7", "1_000", "٣", "²", " 17", "2f1c6a1e-8a2c-4f5e-9d1b-0c1d2e3f4a5b", "\udcff", "9" * 400, 2**63]
)
def test_text_has_a_number_of_its_own(told):
    """The same in every process and in every format; one known value shows that it does not change with a release."""
    assert ids.TEXTS <= (ids.number(told) or 0) < 2**52
    assert float(ids.number(told) or 0) == ids.number(told)
    assert ids.number("b-17") == 2**51 + 394_419_999_021_650


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_texts_are_two_ids(one, other):
    """Except with a negligible probability."""
    assert (ids.number(one) == ids.number(other)) == (one == other)
