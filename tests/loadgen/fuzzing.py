"""The fuzz target of the engine's readers of foreign bytes (``make fuzz``); its corpus is in ``tests/fuzz/corpus/engine``."""

from __future__ import annotations

from closeshave.loadgen.client import _pointed_at
from closeshave.loadgen.cookies import CookieJar
from closeshave.loadgen.errors import ProtocolError
from closeshave.loadgen.parser import Message, ResponseParser
from closeshave.loadgen.response import Response
from closeshave.loadgen.trace import trace
from closeshave.loadgen.wire import Origin, build, constant_lines

ORIGIN = Origin(False, "127.0.0.1", 8080)
CONSTANT = constant_lines(ORIGIN, {})


def one(data: bytes) -> None:
    """Whatever the bytes are: in one piece and in many they mean the same, and nothing but :class:`ProtocolError` is raised."""
    if len(data) < 2:
        return
    bodiless, step, told = bool(data[0] & 1), data[1] or 1, data[2:]
    at_once = _read([told], bodiless=bodiless)
    assert _meaning(at_once) == _meaning(_read([told[at : at + step] for at in range(0, len(told), step)], bodiless=bodiless))
    if not bodiless and (quick := _quickly(told)) is not None:
        assert _meaning(quick) == _meaning(at_once)
    if isinstance(at_once, Message):
        _heed(at_once)


def _read(pieces: list[bytes], *, bodiless: bool) -> Message | str | None:
    """The answer, or that it is none, or that it is not whole."""
    parser = ResponseParser()
    parser.start(bodiless=bodiless)
    message = None
    try:
        for at, piece in enumerate(pieces):
            message = parser.feed(piece)
            if message is not None:
                # What comes behind it makes the connection unfit, in one piece or in many.
                message.reusable = message.reusable and at == len(pieces) - 1
                return message
        return parser.eof()
    except ProtocolError:
        return "no answer"


def _meaning(message: Message | str | None) -> object:
    """All that it says."""
    if not isinstance(message, Message):
        return message
    head = message.head
    return (
        head.raw, head.status, head.length, head.keep_alive, head.coding, head.sets_cookies, head.simple, message.body, message.wire_bytes,
        message.reusable,
    )  # fmt: skip


def _quickly(told: bytes) -> Message | str | None:
    try:
        return ResponseParser().whole(told)
    except ProtocolError:
        return "no answer"


def _heed(message: Message) -> None:
    """Its cookies, its trace, where it points."""
    response = Response(message, 0, 0, 0)
    jar = CookieJar()
    for name, value in message.head.fields():
        if name == "set-cookie":
            jar.take(value, ORIGIN, "/a/b?c", 1.8e9)
    cookie = jar.header(ORIGIN, "/a/b", 1.8e9)
    build("GET", "/", CONSTANT, {"Cookie": cookie} if cookie else None, None)
    trace(message.head.raw)
    assert response.text is not None
    assert response.headers is not None
    if (there := _pointed_at(response, ORIGIN, "/a/b")) is not None:
        wire = build("GET", there[1], constant_lines(there[0], {}), None, None)
        assert wire.count(b" ") == wire.count(b"\r\n") == 3, wire
