"""TLS handshakes: which versions a server accepts, and what its certificate says."""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass

from closeshave.clients import web

VERSIONS = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
    "TLS 1.2": ssl.TLSVersion.TLSv1_2,
    "TLS 1.3": ssl.TLSVersion.TLSv1_3,
}
REFUSED = "refused"
"""What the server says to a version that it does not speak."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The result of one."""

    version: str = ""
    """The version that was agreed, as ``TLSv1.3``; empty if none was."""
    refusal: str = ""
    """Why the server ended it; empty if it was agreed."""
    trouble: str = ""
    """Why nothing is known: there was no connection, or this machine cannot speak the version."""


def shake(host: str, port: int, version: str, timeout_s: float) -> Handshake:
    """Offer exactly one version, one of :data:`VERSIONS`. The certificate is not checked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            # That the old versions are old is the reason for the question.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = VERSIONS[version]
            # OpenSSL offers the old versions at no higher level.
            context.set_ciphers("ALL:@SECLEVEL=0")
    except (ssl.SSLError, ValueError) as error:
        return Handshake(trouble=f"this machine cannot speak {version}: {error}")
    try:
        plain = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        return Handshake(trouble=f"{type(error).__name__} {error}")
    with plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as carried:
                return Handshake(version=carried.version() or "")
        except ssl.SSLError as error:
            if error.reason in OWN_FAULTS:
                return Handshake(trouble=f"this machine cannot speak {version}: {error.reason}")
            return Handshake(refusal=error.reason or REFUSED)
        except (ConnectionError, TimeoutError) as error:
            # Some servers just close the connection.
            return Handshake(refusal=type(error).__name__) if isinstance(error, ConnectionError) else Handshake(trouble="TimeoutError")


OWN_FAULTS = frozenset({"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "INTERNAL_ERROR"})
"""Reasons for which this machine does not even ask."""


def certificate_ends_s(host: str, port: int, timeout_s: float, authority: str = "") -> tuple[float | None, str]:
    """When the server's certificate ends, in seconds since the epoch, and why it is not trusted, or not told; empty if it is trusted.

    ``authority``: see :func:`closeshave.clients.web.trusted`. Raises :class:`OSError` where no certificate was shown: nobody answered, or in no TLS.
    """
    try:
        with (
            socket.create_connection((host, port), timeout_s) as plain,
            web.trusted(authority).wrap_socket(plain, server_hostname=host) as carried,
        ):
            told = carried.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return None, error.verify_message
    ends = told.get("notAfter")
    return (ssl.cert_time_to_seconds(ends), "") if isinstance(ends, str) else (None, "it does not say when it ends")
