"""For every answer of a server: nothing raises, nothing waits past its timeout, a request is one record, and only complete answers are good."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from closeshave.loadgen.client import Timeouts
from closeshave.loadgen.dns import Resolver
from closeshave.loadgen.engine import Engine, Settings
from closeshave.loadgen.response import Response
from closeshave.loadgen.rows import DTYPE, HEADER
from tests.loadgen import grammar
from tests.loadgen.conftest import PATIENT
from tests.loadgen.grammar import Answer, GeneratedServer
from tests.tiers import examples

TOTAL_S, SLACK_S = 0.15, 2.0
HASTY = Timeouts(connect_ns=int(TOTAL_S * 1e9), first_byte_ns=int(TOTAL_S * 1e9), total_ns=int(TOTAL_S * 1e9))
"""For answers that may never end. A whole answer takes as long as it takes on a busy machine: those that ask for one are patient."""
REDIRECTS = 3
MANY = settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))


class Place:
    """A server, an engine, and the counts of both so far."""

    def __init__(self, directory: Path) -> None:
        self.server = GeneratedServer()
        self.engine = Engine(Settings(records=directory))
        # A redirect may point anywhere; from here it leads to nobody.
        self.engine._connector.resolver = Resolver(lookup=lambda _host, _port: [(2, 1, 6, "", ("127.0.0.1", 1))])
        self._path = directory / "worker-0.rows"
        self._asked = 0

    def counted(self) -> tuple[int, int]:
        """Requests that the engine sent, and those that have a row."""
        self.engine.flush()
        return self.engine.records.counters.sent, len(np.frombuffer(self._path.read_bytes(), DTYPE, offset=HEADER.size))

    def ask(self, answer: Answer, method: str = "GET", timeouts: Timeouts = HASTY) -> Response:
        """One request of a new customer, checked for everything that holds for all answers."""
        self.server.answer = answer
        self._asked += 1
        sent, rows = self.counted()
        began_s = time.monotonic()
        client = self.engine.client(self.server.url, timeouts=timeouts, redirects=REDIRECTS, retries=1, traces=True)
        response = client.request(method, "/", headers={grammar.ASKED: str(self._asked)})
        assert timeouts is not HASTY or time.monotonic() - began_s < (REDIRECTS + 2) * TOTAL_S + SLACK_S
        now = self.counted()
        assert now[0] - sent == now[1] - rows >= 1, "a request is a record"
        assert len(self.targets) <= now[0] - sent
        assert response.good == (response.error is None)
        return response

    @property
    def targets(self) -> list[bytes]:
        """What the server was asked for by the last :meth:`ask`."""
        return self.server.targets[str(self._asked).encode()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Shared: a customer more costs nothing."""
    place = Place(tmp_path_factory.mktemp("records"))
    yield place
    place.engine.close()
    place.server.close()


@MANY
@given(answer=grammar.valid())
@example(answer=Answer((b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",), body=b"ok"))
@example(answer=Answer((b"HTTP/1.1 200 OK\r\nX-Old: 1\nContent-Length: 2\r\n\r\nok",), body=b"ok"))
@example(answer=Answer((b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Max-Age=--5\r\nContent-Length: 2\r\n\r\nok",), body=b"ok"))
def test_a_valid_answer_is_good_with_its_whole_body(place: Place, answer: Answer) -> None:
    """With any framing, coding, spelling and segmentation."""
    response = place.ask(answer, timeouts=PATIENT)
    assert (response.error, response.status, response.content) == (None, 200, answer.body)


@MANY
@given(answer=grammar.cut())
def test_an_answer_that_ends_early_is_never_good(place: Place, answer: Answer) -> None:
    """Half a body is no body."""
    assert not place.ask(answer).good


@MANY
@given(answer=grammar.mutated(), method=st.sampled_from(["GET", "POST", "HEAD", "DELETE"]))
@example(answer=Answer((b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",)), method="GET")
@example(answer=Answer((b"HTTP/1.1 302 F\r\nLocation: shop://booked/7\r\nContent-Length: 0\r\n\r\n",)), method="GET")
@example(answer=Answer((b"HTTP/1.1 302 F\r\nLocation: http://h:99999/\r\nContent-Length: 0\r\n\r\n",)), method="POST")
def test_an_answer_of_any_bytes_is_a_record(place: Place, answer: Answer, method: str) -> None:
    """What holds for all is in :meth:`Place.ask`."""
    place.ask(answer, method)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/größe?ö=1", b"/gr%C3%B6%C3%9Fe?%C3%B6=1"), (b"/\xff", b"/%FF"), ("/a#top", b"/a"), ("?q=1", b"/?q=1"), ("/a%20b", b"/a%20b"),
    ],
)  # fmt: skip
def test_a_location_is_followed_as_it_was_meant(place: Place, location: str | bytes, target: bytes) -> None:
    """Its bytes are UTF-8, or stay unchanged; a fragment is not sent."""
    there = location if isinstance(location, bytes) else location.encode()
    place.ask(Answer((b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\nContent-Length: 0\r\n\r\n",)), timeouts=PATIENT)
    assert place.targets == [b"/", *[target] * REDIRECTS]


@pytest.mark.parametrize(
    "location", [b"shop://booked/7", b"http://h:99999/", b"http://[::1", b"http://a..b/", b"https://.x/", b"mailto:a@b"]
)
def test_a_location_that_cannot_be_followed_is_one_record(place: Place, location: bytes) -> None:
    """The answer itself, unchanged."""
    sent, rows = place.counted()
    response = place.ask(Answer((b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n",)), timeouts=PATIENT)
    now = place.counted()
    assert (response.status, now[0] - sent, now[1] - rows) == (302, 1, 1)


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, br"])
def test_an_answer_to_head_may_name_any_coding(place: Place, coding: bytes) -> None:
    """There is nothing to decode; with a body there is, and an unknown coding is an error."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\nContent-Length: 3\r\n\r\n"
    assert place.ask(Answer((head,)), "HEAD", PATIENT).good
    assert place.ask(Answer((head + b"abc",)), "GET", PATIENT).error == "protocol"


@pytest.mark.parametrize("behind", [b"garbage", b"\x1f\x8b", b"\x1f\x8b\x08\x00"])
def test_bytes_after_a_gzip_member_are_another_member_or_an_error(place: Place, behind: bytes) -> None:
    """Never half a body that counts as good."""
    packed = gzip.compress(b"one") + behind
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    assert place.ask(Answer((head + packed,)), timeouts=PATIENT).error == "protocol"
