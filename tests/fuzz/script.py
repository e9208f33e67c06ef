"""Inputs with several answers of a platform: each a status, headers and a body, separated by a line of two dashes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(rb"\n--\n")
_STATUS = re.compile(rb"[1-9]\d\d")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. ``status`` 0 means no answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def read(data: bytes) -> list[Response]:
    """The answers in an input, at least one; text that is not an answer becomes the body of a 200."""
    return [_told(part) for part in _PART.split(data)]


def _told(part: bytes) -> Response:
    first, _, rest = part.partition(b"\n")
    if first.strip() == b"0":
        return Response(0, (), b"")
    if not _STATUS.fullmatch(first.strip()):
        return Response(200, (), part)
    head, parted, body = rest.partition(b"\n\n") if not rest.startswith(b"\n") else (b"", b"\n", rest[1:])
    if not parted:
        head, body = b"", rest
    lines = (line.partition(b":") for line in head.split(b"\n") if b":" in line)
    headers = tuple((name.decode("latin-1").strip().lower(), value.decode("latin-1").strip()) for name, _, value in lines)
    return Response(int(first), headers, body)
