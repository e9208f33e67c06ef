"""Cookies go where a browser would send them."""

from __future__ import annotations

import pytest

from closeshave.loadgen.cookies import CookieJar
from closeshave.loadgen.wire import Origin

HTTP = Origin(False, "api.shop.example", 80)
HTTPS = Origin(True, "api.shop.example", 443)
NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("header", "origin", "path", "sent"),
    [
        ("a=1", HTTP, "/api/x", "a=1"),
        ("a=1; Path=/", HTTP, "/elsewhere", "a=1"),
        ("a=1; Path=/api", HTTP, "/apiary", ""),
        ("a=1; Path=/api", HTTP, "/api/y?z", "a=1"),
        ("a=1; Secure; Path=/", HTTP, "/", ""),
        ("a=1; Secure; Path=/", HTTPS, "/", "a=1"),
        ("a=1; Domain=.shop.example; Path=/", Origin(False, "www.shop.example", 80), "/", "a=1"),
        ("a=1; Path=/", Origin(False, "www.shop.example", 80), "/", ""),
        ("a=1; Domain=other.example; Path=/", HTTP, "/", ""),
        ("a=1; Max-Age=0; Path=/", HTTP, "/", ""),
        ("a=1; Max-Age=60; Path=/", HTTP, "/", "a=1"),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/", HTTP, "/", ""),
        ("a=1; Expires=whenever; Path=/", HTTP, "/", "a=1"),
        ("nonsense", HTTP, "/", ""),
        ("a=1; Max-Age=--5; Path=/", HTTP, "/", "a=1"),
        ("a=1; Max-Age=\u00b2; Path=/", HTTP, "/", "a=1"),
        (f"a=1; Max-Age={'9' * 5000}; Path=/", HTTP, "/", "a=1"),
        ("a=1; Max-Age=-1; Path=/", HTTP, "/", ""),
        ("a=1; Expires=Mon, 01 Jan 0001 00:00:00 +9999; Path=/", HTTP, "/", "a=1"),
        ("a=1; Domain=example; Path=/", HTTP, "/", ""),
        (f"a={'1' * 5000}; Path=/", HTTP, "/", ""),
        ("a=1\x00; Path=/", HTTP, "/", ""),
    ],
)
def test_a_cookie_goes_where_its_attributes_allow(header: str, origin: Origin, path: str, sent: str) -> None:
    """Set by api.shop.example at /api/set."""
    jar = CookieJar()
    jar.take(header, HTTP, "/api/set", NOW_S)
    assert jar.header(origin, path, NOW_S) == sent
    assert jar.header(origin, path, NOW_S) == sent, "remembered answers are the same"


def test_a_cookie_expires_replaces_and_is_removed() -> None:
    """A lifetime ends, the newest value counts, and Max-Age=0 removes the cookie."""
    jar = CookieJar()
    jar.take("a=1; Max-Age=60; Path=/", HTTP, "/", NOW_S)
    assert jar.header(HTTP, "/", NOW_S + 61) == ""
    jar.take("b=1; Path=/", HTTP, "/", NOW_S)
    jar.take("b=2; Path=/", HTTP, "/", NOW_S)
    assert jar.header(HTTP, "/", NOW_S + 61) == "b=2"
    jar.take("b=; Max-Age=0; Path=/", HTTP, "/", NOW_S)
    assert jar.header(HTTP, "/", NOW_S + 61) == ""


def test_longer_paths_come_first() -> None:
    """As RFC 6265 demands."""
    jar = CookieJar()
    jar.take("a=1; Path=/", HTTP, "/", NOW_S)
    jar.take("b=2; Path=/api", HTTP, "/", NOW_S)
    assert jar.header(HTTP, "/api/x", NOW_S) == "b=2; a=1"
    jar.clear()
    assert jar.empty


@pytest.mark.parametrize(("domain", "taken"), [("127.0.0.1", True), ("0.0.1", False), ("1", False)])
def test_an_address_has_no_domain_above_it(domain: str, taken: bool) -> None:
    """127.0.0.1 is no part of 0.0.1."""
    jar, host = CookieJar(), Origin(False, "127.0.0.1", 80)
    jar.take(f"a=1; Domain={domain}; Path=/", host, "/", NOW_S)
    assert jar.header(host, "/", NOW_S) == ("a=1" if taken else "")


def test_a_platform_cannot_fill_a_customers_memory() -> None:
    """The newest cookie replaces the oldest."""
    jar = CookieJar()
    for at in range(1000):
        jar.take(f"c{at}=1; Path=/", HTTP, "/", NOW_S)
    sent = jar.header(HTTP, "/", NOW_S)
    assert (sent.count("="), "c999=1" in sent, "c0=1" in sent) == (180, True, False)
