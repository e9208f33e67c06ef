"""Requests are valid HTTP/1.1, and nothing that a journey passes can add a line."""

from __future__ import annotations

import pytest

from closeshave.loadgen.wire import Origin, build, constant_lines, split

CONSTANT = constant_lines(Origin(False, "shop.example", 8080), {"Accept": "*/*"})


@pytest.mark.parametrize(
    ("url", "origin", "target", "authority"),
    [
        ("http://a", Origin(False, "a", 80), "/", "a"),
        ("https://a/b?c=d", Origin(True, "a", 443), "/b?c=d", "a"),
        ("http://127.0.0.1:8080/x/", Origin(False, "127.0.0.1", 8080), "/x/", "127.0.0.1:8080"),
        ("http://[::1]:81", Origin(False, "::1", 81), "/", "[::1]:81"),
    ],
)
def test_a_url_is_an_origin_and_a_target(url: str, origin: Origin, target: str, authority: str) -> None:
    """The port appears in Host only where it is not the scheme's own."""
    assert split(url) == (origin, target)
    assert origin.authority == authority


@pytest.mark.parametrize("url", ["ftp://a", "a/b", "http://", "//a"])
def test_anything_else_is_no_url(url: str) -> None:
    """Only http and https with a host are valid."""
    with pytest.raises(ValueError, match="URL"):
        split(url)


def test_requests_have_a_length_when_they_may_have_a_body() -> None:
    """A GET has none, an empty POST has 0, a body has its length."""
    start = b" /a HTTP/1.1\r\nHost: shop.example:8080\r\nAccept: */*\r\n"
    assert build("GET", "/a", CONSTANT, None, None) == b"GET" + start + b"\r\n"
    assert build("POST", "/a", CONSTANT, None, None) == b"POST" + start + b"Content-Length: 0\r\n\r\n"
    assert build("POST", "/a", CONSTANT, {"X-A": "1"}, b"{}") == b"POST" + start + b"X-A: 1\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb"])
def test_a_line_end_in_a_header_is_refused(value: str) -> None:
    """Neither CR nor LF gets through."""
    with pytest.raises(ValueError, match="line end"):
        build("GET", "/", CONSTANT, {"X": value}, None)


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("/a b", "/a%20b"),
        ("/ä?x=ö", "/%C3%A4?x=%C3%B6"),
        ("/a\r\nb", "/a%0D%0Ab"),
        ("/a%20b", "/a%20b"),
        ("/a?b=1#top", "/a?b=1"),
        ("/#/a", "/"),
        ("#a", "/"),
    ],
)
def test_targets_are_quoted(path: str, quoted: str) -> None:
    """Characters that are not allowed in a request line are percent-encoded; encoded ones stay unchanged."""
    assert build("GET", path, "", None, None).split(b"\r\n")[0] == f"GET {quoted} HTTP/1.1".encode()


@pytest.mark.parametrize(
    ("constant", "own", "kept"),
    [
        ({"Host": "h", "Authorization": "a"}, {"authorization": "b"}, ["Host: h", "authorization: b"]),
        ({"Host": "h", "User-Agent": "c"}, {"Host": "shop.example", "USER-AGENT": "d"}, ["Host: shop.example", "USER-AGENT: d"]),
        ({"Host": "h"}, {"X-A": "1", "x-a": "2"}, ["Host: h", "x-a: 2"]),
        ({"host": "own"}, {}, ["host: own"]),
        ({"Host": "h"}, {"Content-Length": "999"}, ["Host: h"]),
    ],
    ids=str,
)
def test_a_header_of_the_journey_replaces_the_one_of_the_same_name(constant, own, kept):
    """In any case: no request has two tokens, two hosts or two lengths."""
    lines = constant_lines(Origin(False, "h", 80), constant)
    assert build("GET", "/", lines, own, None).decode().split("\r\n")[1:-2] == kept


def test_a_body_is_framed_by_the_engine_alone():
    """A length header of the journey would turn one request into two."""
    with pytest.raises(ValueError, match="Transfer-Encoding"):
        build("POST", "/", CONSTANT, {"transfer-encoding": "chunked"}, b"{}")


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://münchen.example/", "xn--mnchen-3ya.example"), ("http://M%C3%BCnchen.example", "xn--mnchen-3ya.example"), ("http://[::1]:8/", "::1"),
     ("http://UPPER.example", "upper.example"), ("http://a_b.example.", "a_b.example.")],
)  # fmt: skip
def test_a_host_is_encoded_as_name_servers_know_it(url, host):
    """Also one with letters beyond ASCII."""
    assert split(url)[0].host == host


@pytest.mark.parametrize(
    "url",
    ["http://a..b/", "http://.a/", "http://h:0/", "http://h:99999/", "http://h:x/", "http://[::1", "http://" + "a" * 64 + ".b/", "http://a%20b/",
     "http://\udcff/", "ftp://h/", "http:///x", "http://-a.b/", "http://xn--\u00fc\uffff/"],
)  # fmt: skip
def test_an_invalid_host_is_refused(url):
    """With a ValueError for every kind of error in it."""
    with pytest.raises(ValueError, match=r"\S"):
        split(url)
