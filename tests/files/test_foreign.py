"""Text of others is a value or one error, whatever the libraries do with it."""

import json
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.clients import web
from closeshave.files import foreign


def nested(levels, inner=1):
    """A list within a list, so many times."""
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"id": 3}', {"id": 3}),
        ('"\u00fc"', "\u00fc"),
        (json.dumps(nested(foreign.DEEPEST)), nested(foreign.DEEPEST)),
        (json.dumps([[each] for each in range(500)]), [[each] for each in range(500)]),
        (json.dumps([{"a": {"b": each}} for each in range(500)]), [{"a": {"b": each}} for each in range(500)]),
    ],
)
def test_json_is_read(text, value):
    """At any depth that APIs use, and of any width."""
    assert foreign.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"NaN",
        b'{"a": Infinity}',
        b'"\\ud800"',
        "{}".encode("utf-16"),
        b"[" * 100_000,
        json.dumps(nested(foreign.DEEPEST + 1)),
        json.dumps({"a": [1, 2, nested(foreign.DEEPEST)]}),
        json.dumps(nested(900)),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_invalid_json_is_one_error(text):
    """Half a surrogate and a thousand levels, which other readers accept and other writers refuse."""
    with pytest.raises(ValueError):  # noqa: PT011 - its own words, or orjson's
        foreign.loads(text)


@given(st.binary())
def test_bytes_are_a_value_or_a_value_error(data):
    """And a value can be written again."""
    try:
        value = foreign.loads(data)
    except ValueError:
        return
    json.dumps(value, allow_nan=False).encode()
    assert str(value)


@pytest.mark.parametrize("text", ["T", "eyJ.a-b_c~+/=", "a b"])
def test_a_token_can_be_sent(text):
    """Visible ASCII."""
    assert foreign.sendable(text)


@pytest.mark.parametrize("told", ["", " T", "T ", "a\r\nX: 1", "a\nb", "\u00fc", "\u0394", "\0", None, 5, ["T"], {"a": 1}, True])
def test_what_no_header_can_carry_is_no_token(told):
    """Above all not another header."""
    assert not foreign.sendable(told)


@pytest.mark.parametrize(
    ("told", "segment"), [(3, "3"), ("u-7", "u-7"), ("a/b", "a%2Fb"), ("?x=1#y", "%3Fx%3D1%23y"), ("a\nb", "a%0Ab"), ("\u00fc", "%C3%BC")]
)
def test_an_id_is_one_segment_of_a_path(told, segment):
    """With any characters in it."""
    assert foreign.segment(told) == segment
    assert unquote(segment) == str(told)


@given(st.text())
def test_no_id_leads_out_of_its_collection(told):
    """Above all not two dots."""
    segment = foreign.segment(told)
    assert segment.isascii()
    assert not {"/", "?", "#", " "} & set(segment)
    assert segment.strip(".")


@pytest.mark.parametrize("url", ["http://[::1", "http://a:99999/", "http://a:b/"])
def test_an_invalid_address_is_one_error(url):
    """Python raises for one of these when it is split, for the others when its port is read."""
    assert foreign.address(url) is None


LONG = "9" * 400


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [("5", 5.0), ("0", 1.0), ("", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 60.0), ("\u0663", 60.0), (LONG, 60.0)],
)
def test_a_limit_is_waited_for_as_long_as_the_answer_says(told, wait_s):
    """And a second if it says nothing: a client that comes back at once is unwanted load."""
    assert web.retry_after_s(told, 60.0) == wait_s
