"""A customer's cookies, as a client of one platform needs them (RFC 6265): name, value, host or domain, path, lifetime, Secure.

Not supported: the public-suffix list (no platform sets a cookie for a whole top-level domain) and SameSite (there are no pages).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from closeshave.loadgen.wire import Origin

_MAX_AGE = re.compile(r"-?[0-9]+")
_AGE_S_MAX = 400 * 86_400
"""The longest lifetime; browsers shorten longer ones to this (RFC 6265bis, 5.6.2)."""
_LONGEST = 4096
"""The most characters of a cookie; a longer one is ignored."""
_MOST = 180
"""The most cookies of one customer; then the oldest is removed."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REMEMBERED = 16
"""For how many paths a jar keeps the computed header."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie; ``expires_s`` is wall-clock seconds since the epoch, ``None`` until the end of the session."""

    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    expires_s: float | None

    def goes_to(self, origin: Origin, path: str, now_s: float) -> bool:
        """Whether a request for ``path`` at ``origin`` carries it."""
        host_matches = origin.host == self.domain or (not self.host_only and origin.host.endswith("." + self.domain))
        return (
            host_matches
            and (path == self.path or path.startswith(self.path if self.path.endswith("/") else self.path + "/"))
            and (origin.tls or not self.secure)
            and (self.expires_s is None or self.expires_s > now_s)
        )


def parse_cookie(header: str, origin: Origin, path: str, now_s: float) -> Cookie | None:
    """The cookie of a ``Set-Cookie`` value; ``None`` for one that a browser ignores (no name, a foreign domain)."""
    pair, *attributes = header.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip() or len(pair) > _LONGEST or _CONTROL.search(header):
        return None
    directory = path.partition("?")[0].rpartition("/")[0] or "/"
    domain, host_only, secure, expires_s, max_age_s = origin.host, True, False, None, None
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        text = text.strip()
        match key.strip().lower():
            case "domain" if text.strip("."):
                domain, host_only = text.strip(".").lower(), False
            case "path" if text.startswith("/"):
                directory = text
            case "secure":
                secure = True
            case "max-age" if _MAX_AGE.fullmatch(text):
                # What is no such number is ignored (RFC 6265, 5.2.2).
                max_age_s = 0 if text.startswith("-") else _AGE_S_MAX if len(text.lstrip("0")) > 9 else min(int(text[-9:]), _AGE_S_MAX)
            case "expires":
                expires_s = _date_s(text)
    if domain != origin.host and not _is_above(domain, origin.host):
        return None
    if max_age_s is not None:
        expires_s = now_s + max_age_s if max_age_s > 0 else 0.0
    return Cookie(name.strip(), value.strip(), domain, host_only, directory, secure, expires_s)


def _is_above(domain: str, host: str) -> bool:
    """Whether cookies of a host may be for a whole domain: a name of several labels, never an address."""
    if not host.endswith("." + domain) or "." not in domain:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _date_s(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        # A cookie with an unreadable date lasts as long as the session (RFC 6265, 5.2.1).
        return None


class CookieJar:
    """The cookies of one customer."""

    __slots__ = ("_cookies", "_headers", "empty")

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}
        self.empty = True
        """Whether there is no cookie: an attribute, because every request reads it."""
        self._headers: dict[tuple[Origin, str], str] = {}
        """Results of :meth:`header` until a cookie changes; kept only while no cookie can expire."""

    def set(self, name: str, value: str, origin: Origin) -> None:
        """Add a session cookie of the customer (a CSRF token)."""
        self._keep(Cookie(name, value, origin.host, True, "/", False, None), 0.0)

    def get(self, name: str) -> str | None:
        """The value of the newest cookie of this name, whatever its path."""
        values = [cookie.value for cookie in self._cookies.values() if cookie.name == name]
        return values[-1] if values else None

    def take(self, header: str, origin: Origin, path: str, now_s: float) -> None:
        """Process a ``Set-Cookie`` header."""
        cookie = parse_cookie(header, origin, path, now_s)
        if cookie is not None:
            self._keep(cookie, now_s)

    def header(self, origin: Origin, path: str, now_s: float) -> str:
        """The value of the ``Cookie`` header for a request; longer paths first. Empty for none."""
        path = path.partition("?")[0]
        known = self._headers.get((origin, path))
        if known is not None:
            return known
        chosen = [cookie for cookie in self._cookies.values() if cookie.goes_to(origin, path, now_s)]
        chosen.sort(key=lambda cookie: -len(cookie.path))
        header = "; ".join(f"{cookie.name}={cookie.value}" for cookie in chosen)
        if len(self._headers) < _REMEMBERED and all(cookie.expires_s is None for cookie in self._cookies.values()):
            self._headers[origin, path] = header
        return header

    def clear(self) -> None:
        """Delete all cookies: another customer takes over."""
        self.empty = True
        self._cookies.clear()
        self._headers.clear()

    def _keep(self, cookie: Cookie, now_s: float) -> None:
        key = (cookie.domain, cookie.path, cookie.name)
        self._cookies.pop(key, None)
        self._headers.clear()
        if cookie.expires_s is None or cookie.expires_s > now_s:
            self._cookies[key] = cookie
            if len(self._cookies) > _MOST:
                del self._cookies[next(iter(self._cookies))]
        self.empty = not self._cookies
