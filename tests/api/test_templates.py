"""Placeholders are filled with values that cannot change the request around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.api import templates
from closeshave.api.templates import WrongTemplate


def test_a_value_keeps_its_type_where_it_is_the_whole_text() -> None:
    """And is text where it is a part of one."""
    made = templates.member({"id": "{booking}", "note": "no. {booking}", "list": ["{key}", 1, None], "deep": {"x": "{{y}}"}})
    assert made({"booking": 7, "key": "k"}) == {"id": 7, "note": "no. 7", "list": ["k", 1, None], "deep": {"x": "{y}"}}


def test_what_has_no_value_is_left_out_if_it_may_be() -> None:
    """A member, a parameter and a header."""
    assert templates.member({"barber": "{barber?}", "at": "{time}"})({"barber": None, "time": "10:00"}) == {"at": "10:00"}
    assert templates.member({"at": "{time}"})({"time": None}) == {"at": None}
    assert templates.parameter("{barber?}")({"barber": None}) is None
    assert templates.parameter("b-{barber?}-x")({"barber": None}) is None
    assert templates.header("X {key}")({"key": None}) is None


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_value_is_one_segment_and_one_parameter(value: str) -> None:
    """Slashes, dots, question marks and line ends are quoted; a header is sendable."""
    path = templates.path("/bookings/{booking}/x")({"booking": value})
    assert path.count("/") == 3
    assert not set(path) & set("?#\r\n ")
    assert path.split("/")[2] not in {".", "..", ""}
    assert not set(templates.parameter("{name}")({"name": value})) & set("&=#?\r\n +")
    assert templates.header("{client}")({"client": value}).isprintable()


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a b}", "{a:>3}", "{a!r}", "{a.b}", "{0}", "{a[0]}"])
def test_braces_that_are_no_placeholder_are_refused(text: str) -> None:
    """Saying how braces are written."""
    with pytest.raises(WrongTemplate, match=r"placeholder"):
        list(templates.placeholders(text))
