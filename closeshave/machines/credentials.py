"""Who may speak to a run's load machines, and as what: an authority of the run alone, a certificate for each side, and a token.

A load machine's certificate is for clients only: whoever has the join file cannot pass for the run. Both last a week; the authority's key never leaves
the private directory of the run, which is removed at its end.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from closeshave.files import certificates
from closeshave.files.certificates import EARLIER, Authority, Validity

RUN_NAME, MACHINE_NAME = "run.closeshave.internal", "load-machine.closeshave.internal"
"""In the certificates, instead of addresses: a run is found at any, also behind a forwarded port."""
LASTS = timedelta(days=7)
"""A run may wait for its machines, and last for days."""


@dataclass(frozen=True, slots=True)
class RunCredentials:
    """What a run needs to accept its load machines."""

    authority: str
    """PEM, as all of these."""
    own: bytes
    """Certificate and key of the run."""
    machines: bytes
    """Certificate and key of its load machines."""
    token: str

    @classmethod
    def make(cls, private: Path, run: str) -> RunCredentials:
        """New ones; the files of the authority are written to ``private``. Raises :class:`OSError`."""
        authority, now = Authority.within(private), datetime.now(UTC)
        certificates.found(authority, f"run {run}", now)
        validity = Validity(now - EARLIER, now + LASTS)
        return cls(
            authority.certificate.read_text(encoding="ascii"),
            certificates.issue_to(authority, RUN_NAME, validity, server=True),
            certificates.issue_to(authority, MACHINE_NAME, validity, server=False),
            secrets.token_urlsafe(32),
        )

    def context(self) -> ssl.SSLContext:
        """Of the run: only those with a certificate of this authority get as far as a first message."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return _set(context, self.authority, self.own)


def machine_context(authority: str, own: bytes) -> ssl.SSLContext:
    """Of a load machine: it speaks to this run alone, as :data:`RUN_NAME`. Raises :class:`ssl.SSLError` for what is no certificate."""
    return _set(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), authority, own)


def _set(context: ssl.SSLContext, authority: str, own: bytes) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authority)
    # OpenSSL reads a key from a file alone. It is this user's, mode 0600, and there for a moment.
    with tempfile.NamedTemporaryFile("wb", suffix=".pem") as file:
        file.write(own)
        file.flush()
        context.load_cert_chain(file.name)
    return context
