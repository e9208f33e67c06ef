"""Parses HTTP/1.1 answers: incremental, pure, and fast for the common case of a small answer in one piece.

Message framing follows RFC 9112, section 6.3. If that section leaves a choice, this client refuses: an answer that contradicts itself (two lengths, a
length and chunks) is an error, because a guess could make a wrong measurement.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from closeshave.loadgen.errors import ProtocolError

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 256 * 1024 * 1024
_MAX_CHUNK_LINE_BYTES = 4096
_ENOUGH_FOR_A_VERSION = 12
_MAX_DIGITS = 18
_MAX_MEMBERS = 1000
"""The most members of a gzip file; each costs a copy of the rest."""
_REMEMBERED = 64
"""The most header blocks that are kept."""

CHUNKED, UNTIL_CLOSE = -1, -2
"""Values of :attr:`Head.length` for bodies without a stated length."""

_VERSIONS = frozenset({b"HTTP/1.1 ", b"HTTP/1.0 "})
_AFTER_STATUS = frozenset({b" ", b"\r", b""})
_ONE = ord("1")
_FRAMING = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection|content-encoding|set-cookie)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
"""The headers that decide how to read on. Searched once, in C, instead of splitting the block into lines."""


class Head:
    """A status line and its headers, and how to read on."""

    # No dataclass: one is made for almost every answer, and compiled code calls no constructor that was made at run time as quickly as this one.
    __slots__ = ("coding", "keep_alive", "length", "raw", "sets_cookies", "simple", "status")

    def __init__(self, raw: bytes, status: int, length: int, keep_alive: bool, coding: bytes, sets_cookies: bool) -> None:
        self.raw = raw
        """The block without the empty line at its end."""
        self.status = status
        self.length = length
        """Number of bytes of the body, :data:`CHUNKED` or :data:`UNTIL_CLOSE`."""
        self.keep_alive = keep_alive
        """Whether the connection stays open by the version and the ``Connection`` header."""
        self.coding = coding
        """The content codings of the body in their order, with commas: ``gzip``, ``deflate``, or unsupported ones. Or empty."""
        self.sets_cookies = sets_cookies
        self.simple = status >= 200 and length >= 0 and not coding
        """Whether it is a final answer with a stated length and no coding, so that the fast path applies."""

    def fields(self) -> Iterator[tuple[str, str]]:
        """Names (in lower case) and values in the received order."""
        for line in self.raw.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            yield name.strip().lower().decode("latin-1"), value.strip().decode("latin-1")


def parse_head(raw: bytes) -> Head:
    """The meaning of a header block (without its final empty line). Raises :class:`ProtocolError`.

    A line may end in LF alone (RFC 9112, 2.2); in :attr:`Head.raw` each ends in CR LF.
    """
    raw = _in_lines(raw)
    status = raw[9:12]
    if raw[:9] not in _VERSIONS or not status.isdigit() or raw[12:13] not in _AFTER_STATUS or status < b"100":
        raise ProtocolError(f"not an HTTP/1.x status line: {raw[:40]!r}")
    keep_alive, length, chunked, coding, cookies = raw[7] == _ONE, UNTIL_CLOSE, False, b"", False
    for spelled, value in _FRAMING.findall(raw):
        name = spelled.lower()
        if name == b"content-length":
            length = _agreed_length(value, length)
        elif name == b"connection":
            options = value.lower()
            keep_alive = (keep_alive or b"keep-alive" in options) and b"close" not in options
        elif name == b"set-cookie":
            cookies = True
        elif name == b"content-encoding":
            coding = _added(coding, value)
        elif value.strip().lower() == b"chunked" and not chunked:
            chunked = True
        else:
            raise ProtocolError(f"transfer coding {value!r}")
    if chunked:
        if length != UNTIL_CLOSE:
            raise ProtocolError("both a length and chunks")
        length = CHUNKED
    return Head(raw, int(status), length, keep_alive, coding, cookies)


def _in_lines(raw: bytes) -> bytes:
    """The block with CR LF at each line's end. Raises :class:`ProtocolError` for a CR elsewhere, which clients interpret differently."""
    ends = raw.count(b"\r\n")
    if raw.count(b"\n") != ends:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        ends = raw.count(b"\r\n")
    if raw.count(b"\r") != ends:
        raise ProtocolError("a CR within a header line")
    return raw


def _agreed_length(value: bytes, before: int) -> int:
    if not value.isdigit():
        # Some proxies fold repeated headers into one; the same length twice is no contradiction (RFC 9112, 6.3).
        lengths = {part.strip() for part in value.split(b",")}
        value = lengths.pop() if len(lengths) == 1 else b""
        if not value.isdigit():
            raise ProtocolError("content lengths that differ or are not numbers")
    value = value.lstrip(b"0") or b"0"
    if len(value) > _MAX_DIGITS:
        raise ProtocolError(f"body of a number of bytes with {len(value)} digits")
    length = int(value)
    if before not in {UNTIL_CLOSE, length}:
        raise ProtocolError(f"two content lengths, {before} and {length}")
    if length > MAX_BODY_BYTES:
        raise ProtocolError(f"body of {length} bytes")
    return length


def _added(before: bytes, value: bytes) -> bytes:
    """Add a ``Content-Encoding`` line. Whether the codings are supported is checked when there is a body; an answer to HEAD has none."""
    named = [coding.strip().lower().removeprefix(b"x-") for coding in value.split(b",")]
    return b",".join([*filter(None, [before]), *(coding for coding in named if coding not in {b"", b"identity"})])


class Message:
    """A whole received answer."""

    __slots__ = ("body", "head", "reusable", "wire_bytes")

    def __init__(self, head: Head, body: bytes, wire_bytes: int, reusable: bool) -> None:
        self.head = head
        self.body = body
        """The decoded body."""
        self.wire_bytes = wire_bytes
        """Number of bytes of the body as sent, without chunk framing."""
        self.reusable = reusable
        """Whether the connection may carry another request."""


class HeadMemo:
    """Keeps the last header blocks of simple answers with their meaning.

    Answers of one endpoint often have the same header block within one second of their Date header.
    """

    __slots__ = ("block", "head", "heads", "total")

    def __init__(self) -> None:
        self.block = b""
        """The last block with the empty line at its end."""
        self.total = -1
        """Number of bytes of the whole answer."""
        self.head: Head | None = None
        self.heads: dict[bytes, Head] = {}
        """Meaning by block, because answers of several endpoints alternate."""


class ResponseParser:
    """Parses one connection's answers, one after the other: feed received bytes, and take the message when it is complete."""

    __slots__ = ("_bodiless", "_body", "_buffer", "_head", "_memo", "_state", "_taken", "_wanted", "interim")

    def __init__(self, memo: HeadMemo | None = None) -> None:
        self._memo = memo or HeadMemo()
        self.interim = 0
        """1xx answers skipped since :meth:`start`."""
        self.start(bodiless=False)

    def start(self, *, bodiless: bool) -> None:
        """Expect a new answer; ``bodiless`` when the request was a HEAD."""
        self._bodiless = bodiless
        self._state = ResponseParser._in_head
        self._buffer = bytearray()
        self._body: list[bytes] = []
        self._taken = 0
        self._wanted = 0
        self._head: Head | None = None
        self.interim = 0

    def whole(self, data: bytes) -> Message | None:
        """The fast path: the answer if ``data`` is exactly one simple answer to a request other than HEAD, else ``None``. Keeps no state.

        Raises :class:`ProtocolError`.
        """
        memo = self._memo
        head = memo.head
        if head is not None and len(data) == memo.total and data.startswith(memo.block):
            return Message(head, data[-head.length :] if head.length else b"", head.length, head.keep_alive)
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES:
            return None
        block = data[: end + 4]
        head = memo.heads.get(block)
        if head is None:
            if data.count(b"\n", 0, end) != data.count(b"\r\n", 0, end):
                return None
            head = parse_head(data[:end])
            if not head.simple or head.status in _BODILESS:
                return None
            if len(memo.heads) >= _REMEMBERED:
                memo.heads.clear()
            memo.heads[block] = head
        if len(data) != end + 4 + head.length:
            return None
        memo.block, memo.total, memo.head = block, len(data), head
        return Message(head, data[end + 4 :], head.length, head.keep_alive)

    def feed(self, data: bytes) -> Message | None:
        """Add received bytes; returns the message once it is complete, else ``None``. With bytes after its end the connection is not used again.

        Raises :class:`ProtocolError`.
        """
        self._buffer += data
        while True:
            before = self._state
            message = before(self)
            if message is not None or self._state is before:
                return message

    def eof(self) -> Message | None:
        """The server has closed: returns the message if it ends that way, else ``None`` (it is incomplete or missing)."""
        if self._state is ResponseParser._in_body_until_close:
            return self._finish(reusable=False)
        return None

    @property
    def begun(self) -> bool:
        """Whether any byte of the expected answer was received; after a complete answer, of the next one."""
        return self._state is not ResponseParser._in_head or bool(self._buffer) or self.interim > 0

    # -- states: each consumes what it can and either moves on or leaves the state as it is ----------------------------------------------

    def _in_head(self) -> Message | None:
        head = self._next_head()
        while head is not None and head.status < 200:
            if head.status == 101:
                raise ProtocolError("switching protocols, which was not requested")
            self.interim += 1
            head = self._next_head()
        if head is None:
            return None
        self._head = head
        if self._bodiless or head.status in _BODILESS or head.length == 0:
            return self._finish(reusable=head.keep_alive)
        self._state = {CHUNKED: ResponseParser._in_chunk_size, UNTIL_CLOSE: ResponseParser._in_body_until_close}.get(
            head.length, ResponseParser._in_body
        )
        self._wanted = head.length
        return None

    def _next_head(self) -> Head | None:
        buffer = self._buffer
        end, begin = _empty_line(buffer)
        if end > MAX_HEAD_BYTES or (end < 0 and len(buffer) > MAX_HEAD_BYTES):
            raise ProtocolError(f"header block of more than {MAX_HEAD_BYTES} bytes")
        if end < 0:
            if len(buffer) >= _ENOUGH_FOR_A_VERSION and not buffer.startswith(b"HTTP/1."):
                raise ProtocolError(f"not an HTTP/1.x status line: {bytes(buffer[:40])!r}")
            return None
        head = parse_head(bytes(buffer[:end]))
        del buffer[:begin]
        return head

    def _in_body(self) -> Message | None:
        if len(self._buffer) < self._wanted:
            return None
        self._take(self._wanted)
        assert self._head is not None
        return self._finish(reusable=self._head.keep_alive)

    def _in_body_until_close(self) -> Message | None:
        self._take(len(self._buffer))
        return None

    def _in_chunk_size(self) -> Message | None:
        line = self._line()
        if line is None:
            return None
        text = line.partition(b";")[0].strip()
        if not _CHUNK.fullmatch(text):
            raise ProtocolError(f"chunk size {text[:20]!r}")
        size = int(text, 16)
        if self._taken + size > MAX_BODY_BYTES:
            raise ProtocolError(f"body of more than {MAX_BODY_BYTES} bytes")
        self._wanted = size
        self._state = ResponseParser._in_chunk_data if size else ResponseParser._in_trailers
        return None

    def _in_chunk_data(self) -> Message | None:
        if len(self._buffer) < self._wanted + 2:
            return None
        if self._buffer[self._wanted : self._wanted + 2] != b"\r\n":
            raise ProtocolError("a chunk longer than it said")
        self._take(self._wanted)
        del self._buffer[:2]
        self._state = ResponseParser._in_chunk_size
        return None

    def _in_trailers(self) -> Message | None:
        while (line := self._line()) is not None:
            self._wanted += len(line)
            if self._wanted > MAX_HEAD_BYTES:
                raise ProtocolError(f"trailers of more than {MAX_HEAD_BYTES} bytes")
            if not line:
                assert self._head is not None
                return self._finish(reusable=self._head.keep_alive)
        return None

    # -- helpers ---------------------------------------------------------------------------------------------------------------------------

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_CHUNK_LINE_BYTES:
                raise ProtocolError("an endless line among the chunks")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, count: int) -> None:
        self._body.append(bytes(self._buffer[:count]))
        self._taken += count
        if self._taken > MAX_BODY_BYTES:
            raise ProtocolError(f"body of more than {MAX_BODY_BYTES} bytes")
        del self._buffer[:count]

    def _finish(self, *, reusable: bool) -> Message:
        assert self._head is not None
        body = b"".join(self._body)
        message = Message(self._head, decode(body, self._head.coding), len(body), reusable and not self._buffer)
        # If the connection breaks before anything of the next answer was read, that answer has not begun: this one is no part of it.
        self.start(bodiless=False)
        return message


def _empty_line(buffer: bytearray) -> tuple[int, int]:
    """Where a header block ends, and where the rest begins; (-1, -1) if the end is missing. Lines may end in LF alone."""
    ends = [(at, size) for at, size in ((buffer.find(b"\n\r\n"), 3), (buffer.find(b"\n\n"), 2)) if at >= 0]
    if not ends:
        return -1, -1
    at, size = min(ends)
    return at - (buffer[at - 1 : at] == b"\r"), at + size


def decode(body: bytes, coding: bytes) -> bytes:
    """Decode content codings. Raises :class:`ProtocolError` for data that is invalid, incomplete, or longer than the limit."""
    if not coding or not body:
        return body
    for one in reversed(coding.split(b",")):
        if one == b"gzip":
            body = _gunzip(body)
        elif one == b"deflate":
            # It means the zlib format (RFC 9110, 8.4.1.2), but some servers send the bare stream, whose first nibble is not 8.
            body, rest = _inflate(body, 15 if body[:1] and body[0] & 0x0F == 8 else -15, MAX_BODY_BYTES)
            if rest:
                raise ProtocolError("deflate: data behind its end")
        else:
            raise ProtocolError(f"content coding {one[:40]!r}")
    return body


def _gunzip(body: bytes) -> bytes:
    """All members of a gzip file (RFC 1952, 2.2); zeros may fill its end."""
    parts, room = list[bytes](), MAX_BODY_BYTES
    while not parts or body.strip(b"\0"):
        if len(parts) == _MAX_MEMBERS:
            raise ProtocolError(f"gzip: more than {_MAX_MEMBERS} members")
        plain, body = _inflate(body, 31, room)
        parts.append(plain)
        room -= len(plain)
    return b"".join(parts)


def _inflate(body: bytes, bits: int, room: int) -> tuple[bytes, bytes]:
    """One stream's data, at most ``room`` bytes, and the bytes after it."""
    unpacker = zlib.decompressobj(bits)
    try:
        plain = unpacker.decompress(body, room + 1)
    except zlib.error as error:
        raise ProtocolError(f"coded data: {error}") from error
    if len(plain) > room:
        raise ProtocolError(f"body of more than {MAX_BODY_BYTES} bytes")
    if not unpacker.eof:
        raise ProtocolError("coded data cut short")
    return plain, unpacker.unused_data


_BODILESS = frozenset({204, 304})
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,12}")
