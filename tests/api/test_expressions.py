"""Expressions mean what JMESPath says, with and without its library's tree; a wrong one says what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.api.expressions import WrongExpression, checked, found_by, slow

_names = st.sampled_from(["a", "b", "a b", "ä", "id"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "09:00"]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(_names, each, max_size=3),
    max_leaves=12,
)
_simple = st.one_of(
    _names.map(lambda name: f'"{name}"'),
    st.just("@"),
    st.sampled_from(["'09:00'", "`1`", "`[]`", "`false`", "a[0]", "b[-1]", "[1]", "[*].id"]),
)


def _joined(parts: tuple[str, str]) -> str:
    # What stands after a dot is a name.
    return f"{parts[0]}.{parts[1]}" if parts[1].startswith('"') else f"({parts[0]}) || {parts[1]}"


_expressions = st.recursive(_simple, lambda each: st.tuples(each, each).map(_joined), max_leaves=5)


@given(_expressions, _json)
def test_what_is_found_is_what_the_library_finds(text: str, value: object) -> None:
    """For names, an index, a literal and *or*, which are not left to the library."""
    assert found_by(text)(value) == slow(text)(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("data.items[0].name", "n"),
        ("data.missing.name", None),
        ("data.items[?name == 'n'].at | [0]", 7),
        ("length(data.items)", 1),
        ("length(missing)", None),
        ("to_number(data.price)", 12),
        ("join(' ', data.items[*].at)", None),
        ("data.missing || data.price", "12"),
    ],
)
def test_a_value_is_found_or_not(text: str, found: object) -> None:
    """A function that gets what it does not take finds nothing, and raises nothing."""
    assert found_by(text)({"data": {"items": [{"name": "n", "at": 7}], "price": "12"}}) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data.", "is no JMESPath expression"),
        ("", "is no JMESPath expression"),
        ("$.data.id", "is no JMESPath expression"),
        ("size(data)", r"calls size\(\), but JMESPath has only abs, avg"),
        ("[?size(a)]", r"calls size\(\)"),
        ("(" * 5000, "expression"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, said: str) -> None:
    """With an example of one; JSONPath is none either."""
    with pytest.raises(WrongExpression, match=said):
        checked(text)
