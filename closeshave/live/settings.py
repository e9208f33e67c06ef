"""Where the page is served: what the command was told, checked before anything starts."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from cryptography import x509

from closeshave.files.yamlfile import InvalidFile, Problem

LOOPBACK = "127.0.0.1"
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""What a browser on this machine may call the server."""
ADDRESS, CERTIFICATE, KEY, PORT = "--live-address", "--live-certificate", "--live-key", "--live-port"
BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Place:
    """An address to listen on, and what a browser may call it."""

    address: str
    port: int
    """0 is any that is free."""
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = OWN_NAMES
    """Host names, as they stand in a ``Host`` header without the port; the first of them is printed."""

    @property
    def scheme(self) -> str:
        """``https`` with a certificate."""
        return "http" if self.certificate is None else "https"

    def url(self, port: int) -> str:
        """Where the page is."""
        name = self.names[0] if self.certificate is not None else _written(self.address)
        return f"{self.scheme}://{name}:{port}/"

    def hosts(self, port: int) -> frozenset[str]:
        """Values of a ``Host`` header that mean this server; of a standard port it may be left out."""
        named = {f"{name}:{port}" for name in self.names}
        return frozenset(named | set(self.names) if port == {"http": 80, "https": 443}[self.scheme] else named)


def read(address: str, port: int, certificate: Path | None, key: Path | None) -> Place:
    """What the options mean. Raises :class:`InvalidFile` that names the option and what would be right."""
    try:
        at = ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError:
        raise _wrong(ADDRESS, f"{address!r} is no address; write one like 127.0.0.1 or ::1") from None
    if (certificate is None) != (key is None):
        option, lacking = (CERTIFICATE, KEY) if key is None else (KEY, CERTIFICATE)
        raise _wrong(option, f"needs {lacking} too")
    if certificate is None or key is None:
        if not at.is_loopback:
            raise _wrong(ADDRESS, f"{address} can be reached from other machines; that needs TLS: {CERTIFICATE} and {KEY}")
        return Place(str(at), port, names=(_written(str(at)), *(name for name in OWN_NAMES if name != _written(str(at)))))
    names = _names(certificate, key)
    loopback = OWN_NAMES if at.is_loopback else ()
    own = () if at.is_unspecified else (_written(str(at)),)
    return Place(str(at), port, certificate.absolute(), key.absolute(), tuple(dict.fromkeys((*names, *own, *loopback))))


def listen(place: Place) -> socket.socket:
    """A socket that listens there. Raises :class:`InvalidFile` when this machine cannot."""
    family = socket.AF_INET6 if isinstance(ip_address(place.address), IPv6Address) else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A page of a server that has just ended must not keep the next one from its port.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((place.address, place.port))
        opened.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        opened.close()
        raise _wrong(PORT, f"cannot listen on {_written(place.address)}:{place.port}: {error}") from None
    return opened


def _names(certificate: Path, key: Path) -> Sequence[str]:
    """The names for which a certificate is valid. Raises :class:`InvalidFile` for files that cannot be used."""
    try:
        # It reads both, and sees whether they belong together.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
        told = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise _wrong(CERTIFICATE, f"{certificate} is valid for no name: it has no subject alternative names") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise _wrong(CERTIFICATE, f"{certificate} and {key} cannot be used: {said}") from None
    names = [name for name in told.get_values_for_type(x509.DNSName) if "*" not in name]
    found = [*map(str.lower, names), *(_written(str(one)) for one in told.get_values_for_type(x509.IPAddress))]
    if not found:
        raise _wrong(
            CERTIFICATE, f"{certificate} names no host: a certificate for *.example.com alone does not say the name of this machine"
        )
    return found


def _no_password() -> str:
    """A key with a password would ask the terminal of the trial."""
    raise ValueError("the key has a password")


def _written(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _wrong(option: str, said: str) -> InvalidFile:
    return InvalidFile(Problem(option, 0, "", said))
