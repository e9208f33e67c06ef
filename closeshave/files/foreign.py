"""Reads foreign input: JSON and text of a platform, a server or an operator's command. Whatever the bytes are, the result is a value or one error.

The libraries' own readers raise exceptions that they do not document: for a body whose ``Content-Type`` names the charset ``hex``, for lists a
thousand levels deep that can be read but not written, for half a surrogate that no header or file accepts.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import orjson

DEEPEST = 64
"""The deepest level of lists and objects; no API nests deeper, and recursion over a deeper value would reach Python's own limit."""
_SENDABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def loads(data: bytes | str) -> Any:
    """The JSON of a text. Raises :class:`ValueError` for text that is not JSON by RFC 8259, or that is nested deeper than :data:`DEEPEST`."""
    loaded = orjson.loads(data)
    if too_deep(data, loaded):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return loaded


def too_deep(data: bytes | str, loaded: Any) -> bool:
    """Whether ``loaded``, read from ``data``, is nested deeper than :data:`DEEPEST`. Cheap for data with few brackets, which is the usual case."""
    opened = data.count(b"[") + data.count(b"{") if isinstance(data, bytes) else data.count("[") + data.count("{")
    if opened <= DEEPEST:
        return False
    level = [loaded]
    for _ in range(DEEPEST):
        held = [each for each in level if isinstance(each, dict | list)]
        if not held:
            return False
        level = [one for each in held for one in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, dict | list) for each in level)


def is_one_of(told: object, words: Collection[str]) -> bool:
    """Whether a value is one of these words; false for a list or an object, which cannot be looked up in a set."""
    return isinstance(told, str) and told in words


def text(data: bytes) -> str:
    """Decode as UTF-8, whatever the headers say; invalid bytes are replaced."""
    return data.decode("utf-8", "replace")


def address(url: str) -> SplitResult | None:
    """The parts of a URL; ``None`` for an invalid one, such as one with an open bracket or a port above 65535."""
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def segment(told: object) -> str:
    """An ID, quoted as one segment of a path or one value of a query, so that it cannot change the request."""
    written = quote(str(told), safe="")
    # Dots alone are no name but lead upwards (RFC 3986, section 3.3), and an encoded dot is the same.
    return written if written.strip(".") else f"{written}%00"


def sendable(told: object) -> bool:
    """Whether a token can be sent in a header unchanged: text of visible ASCII (RFC 9110, section 5.5) without line ends."""
    return isinstance(told, str) and _SENDABLE.fullmatch(told) is not None
