"""HTTP/1.1 requests as bytes. Pure.

A header that could smuggle a line into the request is refused, not escaped: it is a bug of the journey that sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
"""Methods that may be sent again when nobody knows whether the first one arrived (RFC 9110, section 9.2.2)."""

BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
"""Methods for which no body means no ``Content-Length`` either."""

DEFAULT_HEADERS: Mapping[str, str] = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "User-Agent": "closeshave"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go: what decides which pooled connections may carry them."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def split(url: str) -> tuple[Origin, str]:
    """The origin of an absolute URL and the target (path and query) to ask it for. Raises :class:`ValueError` for anything but http and https."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"no http or https URL: {url!r}")
    tls = parts.scheme == "https"
    target = parts.path or "/"
    return Origin(tls, parts.hostname, parts.port or (443 if tls else 80)), f"{target}?{parts.query}" if parts.query else target


def constant_lines(origin: Origin, headers: Mapping[str, str]) -> str:
    """The header lines that all requests of a client share, each with its line end; built once."""
    return "".join(f"{name}: {value}\r\n" for name, value in ({"Host": origin.authority} | dict(headers)).items())


def build(method: str, target: str, constant: str, headers: Mapping[str, str] | None, body: bytes | None) -> bytes:
    """A request. ``constant`` comes from :func:`constant_lines`; ``headers`` are this request's own and must not repeat one of those.

    Raises :class:`ValueError` for a header with a line end in it or a target with a space.
    """
    own, lines = "", 0
    if headers:
        own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        lines = len(headers)
        if own.count("\n") != lines or own.count("\r") != lines:
            # By name only: what it holds may be a token, and this goes to a log.
            raise ValueError(f"a line end inside one of the headers {', '.join(map(repr, headers))}")
    if not target.isascii() or " " in target or "\n" in target or "\r" in target:
        target = quote(target, safe="/?&=%:+,;@!$'()*~#-._[]")
    if body is None:
        length = "" if method in BODILESS else "Content-Length: 0\r\n"
        return f"{method} {target} HTTP/1.1\r\n{constant}{own}{length}\r\n".encode("latin-1")
    return f"{method} {target} HTTP/1.1\r\n{constant}{own}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
