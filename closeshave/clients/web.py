"""How the harness itself asks over HTTP, beside its load: whom it trusts, and that it asks nobody in between but a proxy that the environment file names.

Proxies of the environment (``HTTP_PROXY``, ``ALL_PROXY``) are not honoured, and neither is ``.netrc``: log-ins carry passwords, and most of what is
asked is on this machine. Every client says ``trust_env=False``; a test looks after that.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import cache

import httpx

from closeshave.deployment import Proxy

FAILED = (httpx.HTTPError, httpx.InvalidURL)
"""What a question raises that got no answer. An address that the platform redirects to is read also where nobody follows it, and may be none."""


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name: the same that the load trusts. Read once: it takes 20 ms."""
    return ssl.create_default_context()


def retry_after_s(told: str, otherwise: float) -> float:
    """How long to wait by the ``Retry-After`` of a rate limit, in seconds; ``otherwise`` where it states none, or a date.

    At least a second, whatever the header says: otherwise the client would repeat the request without a pause.
    """
    return max(1.0, float(told)) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise


def client(timeout_s: float, proxy: Proxy | None = None) -> httpx.Client:
    """A client that follows no redirects, and asks through ``proxy`` or straight."""
    return httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False, verify=trusted(), proxy=through(proxy))


def through(proxy: Proxy | None) -> httpx.Proxy | None:
    """The proxy as a client takes it."""
    return None if proxy is None else httpx.Proxy(proxy.url, auth=login(proxy))


def login(proxy: Proxy) -> tuple[str, str] | None:
    """User and password for the proxy; ``None`` where it needs none, or the variable is not set."""
    told = os.environ.get(proxy.login, "") if proxy.login else ""
    user, separator, password = told.partition(":")
    return (user, password) if separator else None
