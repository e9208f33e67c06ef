"""Which requests are answered at all. Pure: headers in, a refusal out. Browsers of this machine also show pages of others, which can ask loopback too.

* A page of a stranger whose name was made to point to this machine (DNS rebinding) asks with its own name in ``Host``.
* A page of another origin can send a request, but not without ``Origin`` or ``Sec-Fetch-Site`` that say so, and not with ``Authorization``.
* Nothing that acts is a GET, and none of what acts can be sent by an HTML form: it is JSON, and needs a token.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

PAGE = "/"
"""The page itself, which holds no data: a link to it may stand anywhere."""
BODY_MAX = 16_384
Headers = Sequence[tuple[bytes, bytes]]
"""As they came, names in small letters."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is answered instead."""

    status: int
    why: str


def refusal(method: str, path: str, headers: Headers, hosts: Collection[str], scheme: str) -> Refusal | None:
    """Why a request is refused; ``None`` for one that may go on. ``hosts`` are the names of this server, with its port."""
    host = _one(headers, b"host")
    if host is None or host.lower() not in hosts:
        return Refusal(421, "the request names another host")
    if method not in {"GET", "POST"}:
        return Refusal(405, "only GET and POST are answered")
    if not _one_at_most(headers, b"origin", b"sec-fetch-site", b"authorization", b"content-type", b"content-length"):
        return Refusal(400, "a header is given twice")
    origin = _one(headers, b"origin")
    if origin is not None and origin.lower() != f"{scheme}://{host.lower()}":
        return Refusal(403, "a request from another page is refused")
    site = _one(headers, b"sec-fetch-site")
    if site not in {None, "same-origin", "none"} and not _opens_the_page(method, path, headers):
        return Refusal(403, "a request from another page is refused")
    return _post(headers, origin) if method == "POST" else None


def token(headers: Headers) -> str:
    """The token of a request; empty for none."""
    kind, _, given = (_one(headers, b"authorization") or "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else ""


def _post(headers: Headers, origin: str | None) -> Refusal | None:
    if origin is None:
        # Every browser sends it with a POST; whoever is no browser can.
        return Refusal(403, "a POST needs the header origin")
    if (_one(headers, b"content-type") or "").partition(";")[0].strip().lower() != "application/json":
        return Refusal(415, "only JSON is accepted")
    length = _one(headers, b"content-length") or ""
    if not length.isascii() or not length.isdecimal():
        return Refusal(411, "the header content-length is missing or is no number")
    return Refusal(413, f"at most {BODY_MAX} bytes") if len(length) > 9 or int(length) > BODY_MAX else None


def _opens_the_page(method: str, path: str, headers: Headers) -> bool:
    """Whether a person followed a link to the page."""
    return (
        method == "GET"
        and path == PAGE
        and _one(headers, b"sec-fetch-mode") == "navigate"
        and _one(headers, b"sec-fetch-dest") == "document"
    )


def _one(headers: Headers, name: bytes) -> str | None:
    """The value of a header that stands there once; ``None`` where it does not."""
    found = [value for key, value in headers if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _one_at_most(headers: Headers, *names: bytes) -> bool:
    return all(sum(key == name for key, _ in headers) <= 1 for name in names)
