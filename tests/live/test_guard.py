"""Which requests are answered at all: whoever is not this page, on this machine, by this name, is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.live.access import Access, tokens
from closeshave.live.guard import BODY_MAX, refusal, token

HOSTS = frozenset({"127.0.0.1:8080", "localhost:8080", "[::1]:8080"})
HOST = ("host", "127.0.0.1:8080")
OWN = ("origin", "http://127.0.0.1:8080")
JSON, LENGTH = ("content-type", "application/json"), ("content-length", "20")
Pairs = tuple[tuple[str, str], ...]


def answered(method: str, path: str, *headers: tuple[str, str]) -> int:
    """The status of the refusal; 0 for a request that may go on."""
    found = refusal(method, path, [(name.encode(), value.encode()) for name, value in headers], HOSTS, "http")
    return 0 if found is None else found.status


ASKED: dict[str, tuple[str, str, Pairs, int]] = {
    "the page, typed": ("GET", "/", (HOST,), 0),
    "the page, by its other name": ("GET", "/", (("host", "LOCALHOST:8080"),), 0),
    "the page, by a link in a chat": (
        "GET", "/", (HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")), 0,
    ),
    "the page in a frame of another": (
        "GET", "/", (HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")), 403,
    ),
    "the page as a script of another": ("GET", "/", (HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")), 403),
    "figures for the page": ("GET", "/live", (HOST, ("sec-fetch-site", "same-origin")), 0),
    "figures for a program": ("GET", "/live", (HOST,), 0),
    "figures for another site": ("GET", "/live", (HOST, ("sec-fetch-site", "cross-site")), 403),
    "figures for another port of this machine": ("GET", "/live", (HOST, ("sec-fetch-site", "same-site")), 403),
    "figures, by a link": ("GET", "/live", (HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")), 403),
    "another origin": ("GET", "/live", (HOST, ("origin", "http://evil.example")), 403),
    "no origin that can be named": ("GET", "/live", (HOST, ("origin", "null")), 403),
    "the other scheme": ("GET", "/live", (HOST, ("origin", "https://127.0.0.1:8080")), 403),
    "the origin of another of its names": ("GET", "/live", (HOST, ("origin", "http://localhost:8080")), 403),
    "a name that was made to point here": ("GET", "/", (("host", "evil.example:8080"),), 421),
    "a name with the right port only": ("GET", "/", (("host", "127.0.0.1.evil.example:8080"),), 421),
    "another port": ("GET", "/", (("host", "127.0.0.1:80"),), 421),
    "no name": ("GET", "/", (), 421),
    "two names": ("GET", "/", (HOST, ("host", "evil.example")), 421),
    "two origins": ("GET", "/live", (HOST, OWN, ("origin", "http://evil.example")), 400),
    "two tokens": ("GET", "/live", (HOST, ("authorization", "Bearer a"), ("authorization", "Bearer b")), 400),
    "a question about what is allowed": ("OPTIONS", "/press", (HOST, ("origin", "http://evil.example")), 405),
    "a method of a file server": ("PUT", "/x", (HOST, OWN, JSON, LENGTH), 405),
    "a press of the page": ("POST", "/press", (HOST, OWN, ("sec-fetch-site", "same-origin"), JSON, LENGTH), 0),
    "a press with a charset": ("POST", "/press", (HOST, OWN, ("content-type", "application/json; charset=utf-8"), LENGTH), 0),
    "a press that does not say where it comes from": ("POST", "/press", (HOST, JSON, LENGTH), 403),
    "a press of another page": ("POST", "/press", (HOST, ("origin", "http://evil.example"), JSON, LENGTH), 403),
    "a form": ("POST", "/press", (HOST, OWN, ("content-type", "application/x-www-form-urlencoded"), LENGTH), 415),
    "JSON that a form can send": ("POST", "/press", (HOST, OWN, ("content-type", "text/plain"), LENGTH), 415),
    "a press without a length": ("POST", "/press", (HOST, OWN, JSON, ("transfer-encoding", "chunked")), 411),
    "a length that is none": ("POST", "/press", (HOST, OWN, JSON, ("content-length", "+5")), 411),
    "a press that is too long": ("POST", "/press", (HOST, OWN, JSON, ("content-length", str(BODY_MAX + 1))), 413),
    "a length without an end": ("POST", "/press", (HOST, OWN, JSON, ("content-length", "9" * 5000)), 413),
}  # fmt: skip


@pytest.mark.parametrize("case", ASKED)
def test_who_is_answered(case: str) -> None:
    """A stranger's page in a browser of this machine is a stranger."""
    method, path, headers, status = ASKED[case]
    assert answered(method, path, *headers) == status


@given(
    st.lists(
        st.tuples(st.sampled_from([b"host", b"origin", b"sec-fetch-site", b"content-type", b"content-length"]), st.binary(max_size=30)),
        max_size=8,
    )
)
def test_whatever_comes_is_an_answer_or_a_refusal(headers: list[tuple[bytes, bytes]]) -> None:
    """And without this server's own name it is always a refusal."""
    for method in ("GET", "POST"):
        found = refusal(method, "/live", headers, HOSTS, "http")
        named = [value for name, value in headers if name == b"host"]
        if len(named) != 1 or named[0].decode("latin-1").lower() not in HOSTS:
            assert found is not None


def test_a_token_is_read_from_one_header_alone() -> None:
    """Never from the address, where logs and histories would have it."""
    assert token([(b"authorization", b"Bearer abc")]) == "abc"
    assert token([(b"authorization", b"Basic abc")]) == token([(b"cookie", b"Bearer abc")]) == token([]) == ""


def test_a_token_lets_in_its_own_role_alone() -> None:
    """Each is random, long, and shown by no ``repr``."""
    given = tokens(("facilitator", "observer"))
    access = Access(1, given)
    assert all(len(one) >= 22 for one in given.values())
    assert len({*given.values(), *tokens(("facilitator", "observer")).values()}) == 4
    assert access.role_of(given["observer"]) == "observer"
    for wrong in ("", given["observer"][:-1], given["observer"] + "x", given["observer"].swapcase(), "é\ud800"):
        assert access.role_of(wrong) is None
    assert not any(one in repr(access) for one in given.values())
