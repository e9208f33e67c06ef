"""TLS as a layer from bytes to bytes, without a socket, so that connections send and receive in the same way with and without it.

With memory BIOs a record costs one ``recv``; OpenSSL on a socket makes two (header, then body).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from closeshave.loadgen.wire import Origin

_RECORD_BYTES = 65536


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Which servers to trust. Verification is on unless it is switched off explicitly."""

    ca_file: str | None = None
    """PEM file of trusted authorities, instead of the system's."""
    verify: bool = True
    server_name: str | None = None
    """The name for SNI and for the check of the certificate, if it is not the URL's host."""

    def context(self) -> ssl.SSLContext:
        """A client context. Raises :class:`OSError` or :class:`ssl.SSLError` for a file that cannot be read."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        # Some Pythons (Debian's 3.11.2) take an end without farewell for an orderly one, and a body that was cut off for a whole one.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class TlsSessions:
    """The newest session ticket of each origin, so that a new connection need not exchange certificates. One object for each context."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._newest: dict[Origin, ssl.SSLSession] = {}

    @property
    def ready(self) -> bool:
        """Whether the authorities have been read."""
        return self._context is not None

    def layer(self, origin: Origin) -> TlsLayer:
        """The layer for a new connection. Raises what :meth:`TlsSettings.context` does."""
        if self._context is None:
            self._context = self._settings.context()
        name = self._settings.server_name or origin.host
        return TlsLayer(self._context, name, self._newest.get(origin))

    def remember(self, origin: Origin, layer: TlsLayer) -> None:
        """Keep the session ticket of ``layer``, if it has received one."""
        session = layer.session
        if session is not None and session.has_ticket:
            self._newest[origin] = session


class TlsLayer:
    """One connection's encryption."""

    __slots__ = ("_incoming", "_outgoing", "_read", "_sslobj", "_write", "ragged", "remembered")

    def __init__(self, context: ssl.SSLContext, server_name: str, session: ssl.SSLSession | None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._sslobj = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name, session=session)
        self._read, self._write = self._sslobj.read, self._sslobj.write
        self.ragged = False
        """Whether the peer closed without a close_notify: then a body without a stated length may be incomplete."""
        self.remembered = False

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session to resume later; complete once the first data has been received (TLS 1.3 sends tickets after the handshake)."""
        return self._sslobj.session

    @property
    def reused(self) -> bool:
        """Whether the handshake resumed a session."""
        return bool(self._sslobj.session_reused)

    def shake(self, received: bytes) -> tuple[bool, bytes]:
        """Continue the handshake: ``(done, bytes to send)``. Raises :class:`ssl.SSLError`, also for certificate errors."""
        if received:
            self._incoming.write(received)
        try:
            self._sslobj.do_handshake()
        except ssl.SSLWantReadError:
            return False, self._outgoing.read()
        return True, self._outgoing.read()

    def seal(self, plain: bytes) -> bytes:
        """Encrypt. Raises :class:`ssl.SSLError`."""
        self._write(plain)
        return self._outgoing.read()

    def open(self, received: bytes) -> bytes | None:
        """Decrypt received bytes; ``b""`` if they hold no data yet, ``None`` at the peer's regular end. Raises :class:`ssl.SSLError`."""
        incoming, read = self._incoming, self._read
        incoming.write(received)
        plain = b""
        try:
            plain = read(_RECORD_BYTES)
            if not plain:
                return None
            while incoming.pending:
                # An empty read here is the end behind the data; the socket's own end of file will tell it again.
                plain += read(_RECORD_BYTES)
        except ssl.SSLWantReadError:
            # Half a record, or a session ticket: what was whole before it counts.
            return plain
        return plain

    def end(self) -> None:
        """The socket has reached its end of file; note whether the peer had announced it."""
        self._incoming.write_eof()
        try:
            self.ragged = bool(self._read(1))
        except ssl.SSLError:
            self.ragged = True
