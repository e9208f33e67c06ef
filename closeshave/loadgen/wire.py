"""HTTP/1.1 requests as bytes. Pure.

A header with a line end is refused, not escaped: it is a bug of the journey that sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Methods that may be sent again when it is unknown whether the first one arrived (RFC 9110, section 9.2.2)."""

BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods for which no body means no ``Content-Length`` either."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_UNSAFE = re.compile(r"[^\x21-\x7e]")
_HOST = re.compile(
    r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?(?:\.[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?)*\.?|[0-9a-f.]*:[0-9a-f:.]*(?:%[0-9a-z]+)?"
)
"""Labels of a name, or an address in numbers, as :func:`urlsplit` returns them: in lower case, without brackets."""

DEFAULT_HEADERS: Mapping[str, str] = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "closeshave"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of requests: scheme, host and port. A pool has connections to one origin."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def split(url: str) -> tuple[Origin, str]:
    """The origin of an absolute URL, and the target (path and query). Raises :class:`ValueError` for anything but http and https."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError(f"not an http or https URL: {url!r}")
    tls = parts.scheme == "https"
    target = parts.path or "/"
    return Origin(tls, _host(parts.hostname), parts.port or (443 if tls else 80)), f"{target}?{parts.query}" if parts.query else target


def _host(told: str) -> str:
    """A host in the form for name servers and certificates. Raises :class:`ValueError` for an invalid one."""
    host = unquote(told, errors="strict") if "%" in told and ":" not in told else told
    if not host.isascii():
        # By IDNA 2003, Python's own; raises UnicodeError, which is a ValueError.
        host = host.encode("idna").decode("ascii").lower()
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise ValueError(f"no host: {told!r}")
    return host


def merged(*several: Mapping[str, str]) -> dict[str, str]:
    """One header for each name, ignoring case: the last one counts."""
    found: dict[str, tuple[str, str]] = {}
    for headers in several:
        for name, value in headers.items():
            found[name.lower()] = (name, value)
    return dict(found.values())


def constant_lines(origin: Origin, headers: Mapping[str, str]) -> str:
    """The header lines of all requests of a client, each with its line end; built once. Raises :class:`ValueError` for a line end."""
    return _written(merged({"Host": origin.authority}, headers))


def _written(headers: Mapping[str, str]) -> str:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        # By name only: what it holds may be a token, and this goes to a log.
        raise ValueError(f"a line end inside one of the headers {', '.join(map(repr, headers))}")
    return lines


@lru_cache(maxsize=1024)
def _left(constant: str, names: tuple[str, ...]) -> tuple[str, bool]:
    """The constant lines that headers of these names do not replace, and whether the headers can be written unchanged."""
    own = {name.lower() for name in names}
    if "transfer-encoding" in own:
        raise ValueError("the engine sets Transfer-Encoding itself; do not set this header")
    left = "".join([f"{line}\r\n" for line in constant.split("\r\n")[:-1] if line.partition(":")[0].lower() not in own])
    return left, len(own) == len(names) and _FRAMING.isdisjoint(own)


def _replaced(constant: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The constant lines that a request's own headers do not replace, and these headers: one for each name, without ``Content-Length``."""
    left, as_they_are = _left(constant, tuple(headers))
    if as_they_are:
        return left, headers
    return left, merged({name: value for name, value in headers.items() if name.lower() not in _FRAMING})


def text_of(value: str) -> str:
    """Decode a header's value, which was read as Latin-1, as UTF-8; invalid bytes are kept for a target of :func:`build`."""
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "surrogateescape")


def build(method: str, target: str, constant: str, headers: Mapping[str, str] | None, body: bytes | None, form: str = "") -> bytes:
    """The bytes of a request. ``constant`` comes from :func:`constant_lines`; each of ``headers``, this request's own, replaces the one with its name
    there.

    ``form`` is written before the target if a proxy reads it. A fragment of the target is not sent. Raises :class:`ValueError` for a header with a
    line end or with letters that Latin-1 does not have.
    """
    own = ""
    if headers:
        constant, headers = _replaced(constant, headers)
        own = _written(headers)
    if "#" in target:
        target = target.partition("#")[0]
    if _UNSAFE.search(target):
        target = quote(target, safe="/?&=%:+,;@!$'()*~-._[]", errors="surrogateescape")
    if not target.startswith("/") and target != "*":
        target = f"/{target}"
    if form:
        target = form if target == "*" else form + target
    if body is None:
        length = "" if method in BODILESS else "Content-Length: 0\r\n"
        return f"{method} {target} HTTP/1.1\r\n{constant}{own}{length}\r\n".encode("latin-1")
    return f"{method} {target} HTTP/1.1\r\n{constant}{own}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
