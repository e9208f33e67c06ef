"""HAProxy's runtime API at the edges: a certificate is replaced while the edge serves, and open connections are ended with their next answer."""

from __future__ import annotations

from closeshave.clients import haproxy
from closeshave.deployment import Edge, EdgeTls

BEGUN, DONE, UNFINISHED = "Transaction created", "Success!", "*"
"""How HAProxy says that it has a new certificate, that it uses it, and, before a path, that one there is not used yet (management guide)."""


class EdgeUnavailable(OSError):
    """The edge does not answer, refuses the command, or serves no TLS."""


def install(edge: Edge, pem: bytes) -> None:
    """Serve this certificate and key from the next handshake on; connections that are open go on. Raises :class:`EdgeUnavailable`."""
    name = _escaped(_tls(edge).certificate)
    # HAProxy knows one change at a time: one that somebody began and did not finish, at whichever edge, would keep this one from being made.
    for begun in _unfinished(edge):
        _tell(edge, f"abort ssl cert {_escaped(begun)}")
    # An empty line ends the payload.
    said = _tell(edge, f"set ssl cert {name} <<\n{pem.decode().strip()}\n")
    if BEGUN not in said:
        raise EdgeUnavailable(f"the edge of {edge.region} refuses the certificate: {_first_line(said)}")
    said = _tell(edge, f"commit ssl cert {name}")
    if DONE not in said:
        raise EdgeUnavailable(f"the edge of {edge.region} does not use the certificate: {_first_line(said)}")


def end_connections(edge: Edge, *, on: bool) -> None:
    """Whether each open connection is closed with its next answer. Raises :class:`EdgeUnavailable`."""
    variable = _tls(edge).closing
    _tell(edge, f"experimental-mode on; set var {variable} bool({int(on)})")
    if ends_connections(edge) is not on:
        raise EdgeUnavailable(f"the edge of {edge.region} did not set {variable}")


def ends_connections(edge: Edge) -> bool:
    """Whether each open connection is closed with its next answer. Raises :class:`EdgeUnavailable`."""
    return "value=<1>" in _tell(edge, f"get var {_tls(edge).closing}")


def _unfinished(edge: Edge) -> list[str]:
    """The paths of certificates that were replaced and are not used yet."""
    lines = (line.strip() for line in _tell(edge, "show ssl cert").splitlines())
    return [line.removeprefix(UNFINISHED) for line in lines if line.startswith(UNFINISHED)]


def _tls(edge: Edge) -> EdgeTls:
    if edge.tls is None:
        raise EdgeUnavailable(f"the edge of {edge.region} serves no TLS")
    return edge.tls


def _tell(edge: Edge, command: str) -> str:
    port = _tls(edge).admin_port
    try:
        return haproxy.answer(port, command)
    except OSError as error:
        raise EdgeUnavailable(f"the edge of {edge.region} does not answer at its runtime API, port {port}: {error}") from None


def _escaped(path: str) -> str:
    """A path as one word of a command."""
    return path.replace("\\", "\\\\").replace(" ", "\\ ").replace(";", "\\;")


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "it says nothing")
