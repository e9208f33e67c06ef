"""HTTP clients for the harness's own requests, apart from its load: trusted authorities, and no proxy except the one that the environment file names.

Proxies from environment variables (``HTTP_PROXY``, ``ALL_PROXY``) are ignored, and so is ``.netrc``: log-ins carry passwords, and most servers are on
this machine. Every client has ``trust_env=False``; a test checks that.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import cache

import httpx

from closeshave.deployment import Proxy

FAILED = (httpx.HTTPError, httpx.InvalidURL)
"""The exceptions of a request without an answer. The last is raised for an invalid redirect, even if it is not followed."""


@cache
def trusted() -> ssl.SSLContext:
    """The system's authorities, or those that ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name, the same as for the load.

    Read once, because it takes 20 ms.
    """
    return ssl.create_default_context()


def retry_after_s(told: str, otherwise: float) -> float:
    """How long to wait by the ``Retry-After`` of a rate limit, in seconds; ``otherwise`` if it is missing or a date.

    At least a second, whatever the header says: otherwise the client would repeat the request without a pause.
    """
    return max(1.0, float(told)) if re.fullmatch(r"[0-9]{1,6}", told) else otherwise


def client(timeout_s: float, proxy: Proxy | None = None) -> httpx.Client:
    """A client that follows no redirects, and sends requests through ``proxy`` or directly."""
    return httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False, verify=trusted(), proxy=through(proxy))


def through(proxy: Proxy | None) -> httpx.Proxy | None:
    """The proxy in the client's form."""
    return None if proxy is None else httpx.Proxy(proxy.url, auth=login(proxy))


def login(proxy: Proxy) -> tuple[str, str] | None:
    """User and password for the proxy; ``None`` if it needs none, or if the variable is not set."""
    told = os.environ.get(proxy.login, "") if proxy.login else ""
    user, separator, password = told.partition(":")
    return (user, password) if separator else None
