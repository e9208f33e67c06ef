"""Numbers with their nouns, as messages write them."""

import pytest

from closeshave.plurals import counted, plural


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bookings"), (1, "1 booking"), (2, "2 bookings"), (1_234, "1,234 bookings")],
    ids=["none", "one", "two", "many"],
)
def test_a_count_has_the_form_of_its_noun(number: int, text: str) -> None:
    """One is singular; zero and several are plural; thousands have a separator."""
    assert counted(number, "booking") == text


def test_a_clause_has_a_plural_of_its_own() -> None:
    """Its verb changes with the number too."""
    assert counted(1, "booking was refused", "bookings were refused") == "1 booking was refused"
    assert counted(3, "booking was refused", "bookings were refused") == "3 bookings were refused"
    assert plural(2, "family", "families") == "families"
