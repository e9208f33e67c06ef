"""Whether an edge serves the certificate of its file, as a new customer sees it; and how it is made to serve that again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from closeshave.clients import edge_tls, handshake
from closeshave.deployment import Deployment, Edge
from closeshave.faults.kind import Proof


def as_in_its_file(deployment: Deployment, edge: Edge) -> Proof:
    """In both versions of TLS a new handshake shows the certificate from which the edge would start, a client accepts it, and connections may live on."""
    what = f"the edge of {edge.region} shows the certificate of its file, which is accepted, and keeps connections open"
    if edge.tls is None:
        return Proof(what, False, "it serves no TLS")
    try:
        kept = handshake.of_file(edge.tls.certificate)
        seen = [handshake.shown(edge.url, deployment.authority, version) for version in handshake.VERSIONS]
        ending = edge_tls.ends_connections(edge)
    except (OSError, ValueError) as error:
        return Proof(what, False, str(error))
    faults = [f"it is refused: {each.refused}" for each in seen if each.refused]
    faults += [f"it shows another one, {each.serial}" for each in seen if each.der != kept]
    faults += ["it ends every connection"] if ending else []
    return Proof(what, not faults, "; ".join(dict.fromkeys(faults)) or seen[0].serial)


def proof(deployment: Deployment, edge: Edge) -> Callable[[], Proof]:
    """The same, to be checked later."""
    return lambda: as_in_its_file(deployment, edge)


def put_back(edge: Edge) -> None:
    """Serve the certificate of the file again, and keep connections open. Raises :class:`OSError`."""
    if edge.tls is None:
        raise edge_tls.EdgeUnavailable(f"the edge of {edge.region} serves no TLS")
    edge_tls.install(edge, Path(edge.tls.certificate).read_bytes())
    edge_tls.end_connections(edge, on=False)
