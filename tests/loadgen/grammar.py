"""Answers of HTTP/1.1 servers, drawn at random: valid ones by the grammar with the body that they mean, and mutated ones."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import zlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """What a server sends for one request, and how it ends."""

    pieces: tuple[bytes, ...]
    ending: str = "keep"
    """``keep``, ``close`` or ``reset``: what happens to the connection behind the last piece."""
    status: int = 200
    body: bytes | None = None
    """What it means; ``None``: it is not known to be whole."""
    bounded: bool = True
    """Whether the end of its body can be told from a cut."""


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS = {
    (): lambda data: data,
    (b"gzip",): gzip.compress,
    (b"x-gzip",): lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[len(data) // 2 :]),
    (b"deflate",): zlib.compress,
    (b"Deflate",): _raw_deflate,
    (b"gzip, deflate",): lambda data: zlib.compress(gzip.compress(data)),
    (b"gzip", b"identity"): gzip.compress,
}
"""Content-Encoding lines, and what does that."""

VALUE = st.binary(max_size=12).map(lambda data: bytes(byte for byte in data if byte not in b"\r\n"))
COOKIE = st.tuples(
    st.sampled_from([b"sid=1", b"=", b"a", b"sid=\xff", b'q="1"']),
    st.sampled_from([
        b"", b"; Max-Age=--5", b"; Max-Age=\xb2", b"; Max-Age=" + b"9" * 400, b"; Max-Age=" + b"9" * 5000, b"; Max-Age=-1", b"; Domain=0.0.1",
        b"; Domain=.", b"; Expires=Thu, 99 Foo 0000", b"; Expires=Mon, 01 Jan 0001 00:00:00 +9999", b"; Path=/\xff", b"; Secure", b";;;=;",
    ]),
).map(b"".join)  # fmt: skip
LOCATION = st.sampled_from([
    b"/again", b"//", b"?q=1", b"#top", b"", b"shop://booked/7", b"http://127.0.0.1:0/", b"http://127.0.0.1:99999/", b"http://[::1", b"http:///x",
    "/größe?ö=1#ü".encode(), b"/\xff\xfe", "http://münchen.example/".encode(), b"http://a..b/", b"https://.x/", b"http://" + b"a" * 300 + b"/",
    b"javascript:1", b"http://xn--/", b"http://127.0.0.1:1/", b"\x00", b"http://us er@h ost/",
])  # fmt: skip
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([b"X-Region", b"X-Cache", b"Date", b"x-odd"]), VALUE),
        st.tuples(st.just(b"Set-Cookie"), COOKIE),
        st.tuples(
            st.just(b"Server-Timing"), st.sampled_from([b"db;dur=1.5", b"db;dur=" + b"9" * 400, b"db;dur=x", b";;,,", b"cache;dur=\xb2"])
        ),
    ),
    max_size=4,
)


@st.composite
def valid(draw: Any) -> Answer:
    """A complete answer with status 200 and its body, in any framing, coding, spelling of line ends, and number of pieces."""
    body = draw(st.binary(max_size=300) | st.just(b'{"total": 2}'))
    codings = draw(st.sampled_from(list(CODINGS)))
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    end = draw(st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
    sent = CODINGS[codings](body)
    lines = [draw(st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200 Fine", b"HTTP/1.1 200 \xff"]))]
    lines += [name + draw(st.sampled_from([b": ", b":", b":\t "])) + value for name, value in draw(HEADERS)]
    lines += [b"Content-Encoding: " + coding for coding in codings]
    if framing == "length":
        lines.append(draw(st.sampled_from([b"Content-Length: %d", b"content-length:%d", b"CONTENT-LENGTH: 000%d"])) % len(sent))
        behind = sent
    elif framing == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
        size = draw(st.integers(1, 120))
        chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
        behind = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nX-Trailer: 1\r\n\r\n"
    else:
        behind = sent
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 3]))
    whole = interim + end.join(lines) + end * 2 + behind
    ending = "close" if framing == "close" else draw(st.sampled_from(["keep", "close"]))
    return Answer(draw(pieces(whole)), ending, 200, body, bounded=framing != "close")


@st.composite
def pieces(draw: Any, whole: bytes) -> tuple[bytes, ...]:
    """The bytes in up to five segments."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return tuple(whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True) if start < stop)


@st.composite
def cut(draw: Any) -> Answer:
    """A valid answer whose server leaves before its end."""
    told = draw(valid().filter(lambda answer: answer.bounded and len(b"".join(answer.pieces)) > 1))
    whole = b"".join(told.pieces)
    at = draw(st.integers(0, len(whole) - 1))
    left: Answer = replace(told, pieces=(whole[:at],), ending=draw(st.sampled_from(["close", "reset"])), body=None)
    return left


@st.composite
def mutated(draw: Any) -> Answer:
    """A valid answer with a few bytes changed, taken out, or doubled; or another status with a Location."""
    told = draw(valid())
    data = bytearray(b"".join(told.pieces))
    if draw(st.booleans()):
        status = draw(st.sampled_from([b"301", b"302", b"303", b"307", b"308", b"204", b"304", b"500", b"429", b"101", b"999", b"099"]))
        data = bytearray(bytes(data).replace(b" 200", b" " + status + b"\r\nLocation: " + draw(LOCATION), 1))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "take", "double", "insert"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "take":
                del data[at : at + draw(st.integers(1, 20))]
            case "double":
                data[at:at] = data[at : at + 20]
            case _:
                data[at:at] = draw(st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"0\r\n\r\n", b"Content-Length: 3\r\n", b"\xff", b":"]))
    return Answer(draw(pieces(bytes(data))), draw(st.sampled_from(["keep", "close", "reset"])), body=None)


ASKED = "X-Asked"
"""The header with the number of what a test asks. A request that its client has given up may be read much later: it must not count as another one's."""


@dataclass
class GeneratedServer:
    """Gives each request the answer that was set last, and remembers the requests that it has read to their end."""

    answer: Answer = field(default_factory=lambda: Answer(()))
    targets: defaultdict[bytes, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    """What was asked for, by the value of :data:`ASKED`."""

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            while True:
                while HEAD_END not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(HEAD_END)
                asked = head.lower().partition(f"\r\n{ASKED}: ".lower().encode())[2].partition(b"\r\n")[0]
                self.targets[asked].append(head.split(b" ")[1])
                answer = self.answer
                for piece in answer.pieces:
                    connection.sendall(piece)
                if answer.ending == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if answer.ending != "keep":
                    return
