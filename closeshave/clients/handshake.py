"""A TLS handshake as a new customer makes it: which certificate an address shows, and whether a client that trusts one authority alone accepts it.

It asks nobody but the address itself, and shares nothing with how certificates are issued and installed.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509

TIMEOUT_S = 2.0
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
"""What every edge must speak, and nothing older."""


class NoHandshake(OSError):
    """Nobody answers, or not with TLS."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an address showed in one handshake."""

    serial: str
    """The certificate's serial number, in hexadecimal digits without leading zeros."""
    der: bytes
    """The whole certificate."""
    refused: str
    """Why a client refuses it, in OpenSSL's words (``certificate has expired``); empty if it is accepted."""


def shown(url: str, authority: str, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Shown:
    """The certificate at a URL in a new handshake of this version of TLS, and what a client that trusts only ``authority`` (a file) says of it.

    Raises :class:`NoHandshake`.
    """
    try:
        return Shown(*_certificate(url, _context(authority, version)), refused="")
    except ssl.SSLCertVerificationError as error:
        refused = str(error.verify_message)
    except (OSError, ValueError) as error:
        raise NoHandshake(f"no handshake with {url}: {type(error).__name__}: {error}") from None
    try:
        return Shown(*_certificate(url, _context("", version)), refused=refused)
    except (OSError, ValueError) as error:
        raise NoHandshake(f"no handshake with {url}: {type(error).__name__}: {error}") from None


def ends_s(shown_by: Shown) -> float:
    """When a certificate that was shown stops being valid, in seconds since the epoch. Pure."""
    return x509.load_der_x509_certificate(shown_by.der).not_valid_after_utc.timestamp()


def of_file(path: str) -> bytes:
    """The first certificate of a PEM file, as :attr:`Shown.der`. Raises :class:`OSError`, :class:`ValueError`."""
    with open(path, encoding="ascii") as file:  # noqa: PTH123 - as a program that starts would read it
        text = file.read()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in text or end not in text:
        raise ValueError(f"{path} has no certificate")
    return ssl.PEM_cert_to_DER_cert(text[text.index(begin) : text.index(end) + len(end)])


def _context(authority: str, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(authority)
    else:
        # Only to see what was refused.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


def _certificate(url: str, context: ssl.SSLContext) -> tuple[str, bytes]:
    parts = urlsplit(url)
    with (
        socket.create_connection((parts.hostname or "", parts.port or 443), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as carried,
    ):
        der = carried.getpeercert(binary_form=True) or b""
    return f"{x509.load_der_x509_certificate(der).serial_number:X}", der
