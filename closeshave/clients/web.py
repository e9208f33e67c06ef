"""HTTP clients for the harness's own requests, apart from its load: trusted authorities, and no proxy except the one that the environment file names.

Proxies from environment variables (``HTTP_PROXY``, ``ALL_PROXY``) are ignored, and so is ``.netrc``: log-ins carry passwords, and most servers are on
this machine. Every client has ``trust_env=False``; a test checks that.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable
from functools import cache
from urllib.parse import urlsplit

import httpx

from closeshave.deployment import Proxy

Client = httpx.Client
Answer = httpx.Response
FAILED = (httpx.HTTPError, httpx.InvalidURL)
"""The exceptions of a request without an answer. The last is raised for an invalid redirect, even if it is not followed."""


@cache
def trusted(authority: str = "") -> ssl.SSLContext:
    """Trusts the authority in this file (PEM) alone, or else the system's, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name: the same as for
    the load.

    Read once, because it takes 20 ms. Raises :class:`OSError` for a file that cannot be read.
    """
    return ssl.create_default_context(cafile=authority or None)


def retry_after_s(told: str, otherwise: float) -> float:
    """How long to wait by the ``Retry-After`` of a rate limit, in seconds; ``otherwise`` if it is missing or a date.

    At least a second, whatever the header says: otherwise the client would repeat the request without a pause.
    """
    return max(1.0, float(told)) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise


def client(timeout_s: float, proxy: Proxy | None = None, before_each: Callable[[], None] | None = None, *, authority: str = "") -> Client:
    """A client that follows no redirects, and sends requests through ``proxy`` or directly. ``before_each`` is called before each one, and may wait.

    ``authority``: see :func:`trusted`.
    """
    hooks: list[Callable[[httpx.Request], None]] = []
    if (wait := before_each) is not None:
        hooks.append(lambda _request: wait())
    through = None if proxy is None else httpx.Proxy(proxy.url, auth=login(proxy))
    return httpx.Client(
        timeout=timeout_s, follow_redirects=False, trust_env=False, verify=trusted(authority), proxy=through, event_hooks={"request": hooks}
    )


def login(proxy: Proxy) -> tuple[str, str] | None:
    """User and password for the proxy; ``None`` if it needs none, or if the variable is not set."""
    told = os.environ.get(proxy.login, "") if proxy.login else ""
    user, separator, password = told.partition(":")
    return (user, password) if separator else None


def takes(url: str) -> bool:
    """Whether a client takes this URL, and its host can be asked for: ``http://a..b`` cannot. Pure."""
    try:
        httpx.URL(url).host.encode("idna")
    except (httpx.InvalidURL, ValueError):
        return False
    return True


def answer_to(url: str, sent: bytes, timeout_s: float, silence_s: float) -> tuple[bytes, bool]:
    """All that a server answers these bytes with, on a connection of their own, and whether it then closed the connection.

    It counts as kept once nothing more was said for ``silence_s`` seconds. Not through a proxy, whose connection it would be. Raises :class:`OSError`.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    received = b""
    with socket.create_connection((parts.hostname or "", port), timeout_s) as plain:
        carried = trusted().wrap_socket(plain, server_hostname=parts.hostname) if parts.scheme == "https" else plain
        carried.sendall(sent)
        carried.settimeout(silence_s)
        try:
            while part := carried.recv(65536):
                received += part
        except TimeoutError:
            # It keeps the connection, as HTTP/1.1 says.
            return received, False
    return received, True
