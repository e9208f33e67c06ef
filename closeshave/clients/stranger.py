"""What a service does with somebody who cannot show a certificate that it trusts: without TLS, without a certificate, with one of an unknown authority."""

from __future__ import annotations

import socket
import ssl
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from closeshave.files import certificates, foreign
from closeshave.files.certificates import Authority, Validity

QUIET_S = 1.0
"""How long a refusal may take that comes by itself after the handshake: TLS 1.3 tells of a missing certificate only then."""
TOLD_MOST = 80
"""Bytes of an answer that are told."""
HTTP_REFUSAL = 400
"""What web servers answer to plain HTTP where they expect TLS."""
ALERT = 0x15
"""The first byte of a TLS alert (RFC 8446, 5.1)."""


CERTIFICATE_ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")
"""Words of OpenSSL's names of the alerts by which a server says that it does not accept who asks (RFC 8446, 6.2; in TLS 1.2 ``handshake_failure``, RFC
5246, 7.2.2, also where both sides have no cipher in common). Any other failed handshake, such as of a version, says nothing about certificates."""
CLOSED = "it closes the connection after the handshake without an alert: it may not have understood the question"


@dataclass(frozen=True, slots=True)
class Reception:
    """How a stranger was received."""

    answer: str = ""
    """The beginning of what it was served; empty if nothing was."""
    refusal: str = ""
    """How it was refused; empty if it was not."""
    trouble: str = ""
    """Why nothing is known: there was no connection, or no word."""


def plainly(host: str, port: int, timeout_s: float) -> Reception:
    """Ask for a page without TLS."""

    def ask(plain: socket.socket) -> Reception:
        try:
            return _plain(_asked(plain, host))
        except ConnectionError as error:
            return Reception(refusal=f"it closes the connection ({type(error).__name__})")

    return _connected(host, port, timeout_s, ask)


def unnamed(host: str, port: int, timeout_s: float) -> Reception:
    """Shake hands without a certificate, and ask for a page. The server's certificate is not checked here."""
    return _shaken(host, port, timeout_s, _open())


def of_nobody(host: str, port: int, timeout_s: float) -> Reception:
    """The same with a certificate whose authority nobody knows: it is made for this question."""
    context = _open()
    with tempfile.TemporaryDirectory(prefix="closeshave-stranger-") as directory:
        authority, now = Authority.within(Path(directory)), datetime.now(UTC)
        certificates.found(authority, "stranger", now)
        validity = Validity(now - timedelta(hours=1), now + timedelta(days=1))
        shown = Path(directory) / "shown.pem"
        certificates.keep(shown, certificates.issue_to(authority, "stranger", validity, server=False))
        context.load_cert_chain(shown)
    return _shaken(host, port, timeout_s, context)


def _open() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _connected(host: str, port: int, timeout_s: float, ask: Callable[[socket.socket], Reception]) -> Reception:
    try:
        with socket.create_connection((host, port), timeout_s) as plain:
            return ask(plain)
    except TimeoutError:
        return Reception(trouble="it says nothing")
    except OSError as error:
        return Reception(trouble=f"{type(error).__name__} {error}")


def _shaken(host: str, port: int, timeout_s: float, context: ssl.SSLContext) -> Reception:
    def ask(plain: socket.socket) -> Reception:
        try:
            carried = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLError as error:
            return _alerted(error)
        with carried:
            try:
                # Before anything is sent: an alert that is on its way would be lost with the connection.
                carried.settimeout(min(QUIET_S, timeout_s))
                first = b""
                with suppress(TimeoutError):
                    first = carried.recv(TOLD_MOST)
                    if not first:
                        return Reception(trouble=CLOSED)
                carried.settimeout(timeout_s)
                told = first or _asked(carried, host)
            except ssl.SSLError as error:
                return _alerted(error)
            except ConnectionError as error:
                return Reception(trouble=f"{CLOSED} ({type(error).__name__})")
            return Reception(answer=_text(told)) if told else Reception(trouble=CLOSED)

    return _connected(host, port, timeout_s, ask)


def _alerted(error: ssl.SSLError) -> Reception:
    reason = error.reason or str(error)
    if any(word in reason for word in CERTIFICATE_ALERTS):
        return Reception(refusal=reason)
    return Reception(trouble=f"the handshake fails, and not for want of a certificate: {reason}")


def _asked(connection: socket.socket, host: str) -> bytes:
    """The beginning of the answer; empty if the connection was closed."""
    connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return connection.recv(TOLD_MOST)


def _plain(told: bytes) -> Reception:
    if not told:
        return Reception(refusal="it closes the connection")
    if told[0] == ALERT:
        return Reception(refusal="it answers by a TLS alert")
    words = told.split(b" ", 2)
    if told.startswith(b"HTTP/") and len(words) > 1 and words[1] == str(HTTP_REFUSAL).encode():
        return Reception(refusal=_text(told))
    return Reception(answer=_text(told))


def _text(told: bytes) -> str:
    return foreign.text(told.partition(b"\r\n")[0])
