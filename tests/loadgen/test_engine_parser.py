"""The parser is pure: bytes in any pieces become the same message, and anything that is not HTTP/1.1 is refused."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeshave.loadgen.errors import ProtocolError
from closeshave.loadgen.parser import MAX_HEAD_BYTES, HeadMemo, Message, ResponseParser

BODIES = st.binary(max_size=300)
CODINGS = {"": lambda body: body, "gzip": gzip.compress, "deflate": zlib.compress}


def chunks(body: bytes, sizes: list[int]) -> bytes:
    """A chunked body with extensions and trailers."""
    out, at = b"", 0
    for size in sizes:
        if at < len(body):
            piece = body[at : at + size]
            out += b"%x;n=v\r\n%b\r\n" % (len(piece), piece)
            at += size
    rest = body[at:]
    return out + (b"%X\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"


def feed(data: bytes, cuts: list[int], *, bodiless: bool = False, closes: bool = False) -> Message | None:
    """The message from ``data`` cut at ``cuts``."""
    parser = ResponseParser()
    parser.start(bodiless=bodiless)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    for start, end in pairwise(edges):
        message = parser.feed(data[start:end])
        if message is not None:
            assert end == len(data), "complete before its last byte"
            return message
    return parser.eof() if closes else None


@given(
    body=BODIES,
    framing=st.sampled_from(["length", "chunked", "until-close"]),
    coding=st.sampled_from(sorted(CODINGS)),
    interim=st.integers(0, 2),
    sizes=st.lists(st.integers(1, 80), max_size=6),
    cuts=st.lists(st.integers(1, 900), max_size=20),
)
def test_an_answer_is_the_same_in_any_pieces(
    body: bytes, framing: str, coding: str, interim: int, sizes: list[int], cuts: list[int]
) -> None:
    """Every framing, coding, number of 1xx answers before it and split gives the right body."""
    sent = CODINGS[coding](body)
    head = b"HTTP/1.1 100 Continue\r\n\r\n" * interim + b"HTTP/1.1 200 OK\r\nServer: x\r\n"
    head += b"content-encoding: %b\r\n" % coding.encode() if coding else b""
    data = {
        "length": head + b"CONTENT-LENGTH:  %d\r\n\r\n" % len(sent) + sent,
        "chunked": head + b"Transfer-Encoding: Chunked\r\n\r\n" + chunks(sent, sizes),
        "until-close": head + b"\r\n" + sent,
    }[framing]
    message = feed(data, cuts, closes=framing == "until-close")
    assert message is not None
    assert (message.head.status, message.body, message.wire_bytes) == (200, body, len(sent))
    assert message.reusable == (framing != "until-close")
    quick = ResponseParser().whole(data)
    assert quick is None or (quick.body, quick.wire_bytes, quick.reusable) == (message.body, message.wire_bytes, message.reusable)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + gzip.compress(b"x" * 99, mtime=0)[:20],
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: yyyyyyyyyyyy\r\n" * 5000,
    ],
)
def test_a_contradictory_or_too_large_answer_is_refused(data: bytes) -> None:
    """A client that guessed would measure something else."""
    with pytest.raises(ProtocolError):
        feed(data, [])


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive", True),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True),
    ],
)
def test_the_connection_is_kept_as_version_and_header_say(head: bytes, kept: bool) -> None:
    """HTTP/1.1 stays unless it says close, HTTP/1.0 closes unless it says keep-alive."""
    message = feed(head + b"\r\nContent-Length: 0\r\n\r\n", [])
    assert message is not None
    assert message.reusable == kept


@pytest.mark.parametrize(("status", "bodiless"), [(204, False), (304, False), (200, True)])
def test_no_body_is_waited_for_where_there_is_none(status: int, bodiless: bool) -> None:
    """204, 304 and answers to HEAD end with their headers, whatever length they state."""
    message = feed(b"HTTP/1.1 %d X\r\nContent-Length: 99\r\n\r\n" % status, [], bodiless=bodiless)
    assert message is not None
    assert message.body == b""
    assert message.reusable


def test_answers_of_several_endpoints_take_turns() -> None:
    """The meaning of a header block is remembered, also across other answers; the length is read each time."""
    parser = ResponseParser()
    one, other = (b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: %d\r\n\r\n" % (size, size) for size in (2, 3))
    for _ in range(3):
        for answer, body in ((one, b"ok"), (other, b"yes")):
            message = parser.whole(answer + body)
            assert message is not None
            assert (message.body, message.wire_bytes, message.head.raw) == (body, len(body), answer[:-4])
            assert parser.whole(answer + body[:-1]) is None
            assert parser.whole(answer + body + b"!") is None


def test_of_many_header_blocks_few_are_remembered() -> None:
    """A platform with a unique value in each answer must not fill the memory."""
    memo = HeadMemo()
    parser = ResponseParser(memo)
    for number in range(1000):
        assert parser.whole(b"HTTP/1.1 200 OK\r\nX-Request-Id: %d\r\nContent-Length: 0\r\n\r\n" % number) is not None
    assert len(memo.heads) <= 64


def test_bytes_after_the_answer_end_the_connection() -> None:
    """Bytes that belong to no request must not become the next answer."""
    parser = ResponseParser()
    parser.start(bodiless=False)
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1"
    assert parser.whole(data) is None
    message = parser.feed(data)
    assert message is not None
    assert not message.reusable


def test_an_answer_cut_short_is_no_answer() -> None:
    """An end of file inside a stated length or among chunks gives nothing; if the end marks the length, it gives the message."""
    assert feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", [], closes=True) is None
    assert feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", [], closes=True) is None
